"""The relay: forwards packets, serves the directory, keeps mailboxes, carries tunnels.

`Relay` is the whole of it as one object. A relay must never learn, keep or log who talks
to whom: it counts, and drops in silence.

- relay:    composition, start and drain
- inbound:  what connections of clients and relays bring in
- router:   packets in, packets and deliveries out; `delay` and `outbox` are its queues
- links:    one shared link per neighbour
- streams:  tunnels through this relay and to it
- keys:     mix keys, epochs, boots and the descriptor that names them
- identity: who this relay is, on disk
- stats, status: counters, and what `zentalk relay status` reads
"""
