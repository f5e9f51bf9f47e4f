"""The relay: forwards packets, serves the directory, keeps mailboxes, carries tunnels.

`Relay` is the whole of it as one object. A relay must never learn, keep or log who talks
to whom: it counts, and drops in silence.

- relay:      start, drain, stats; `parts` wires what follows together
- inbound:    what connections of clients and relays bring in; `admission` bounds them
- router:     packets in, packets and deliveries out; `delay` and `outbox` are its queues
- links:      one shared link per neighbour; `backoff` says when to try again
- streams:    tunnels through this relay and to it
- directory_*, mailbox_*: the two services that are asked over links
- keys:       mix keys, epochs, boots and the descriptor that names them; `housekeeping`
              turns them, `seen_boots` keeps a restored folder from repeating a boot
- identity, storage, listening: what lies on disk, and the ports
- stats, status: counters, and what `zentalk relay status` reads
"""
