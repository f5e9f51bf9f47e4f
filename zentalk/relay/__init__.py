"""The relay: it forwards packets, serves the directory, keeps mailboxes and carries tunnels.

`Relay` is the whole of it as one object. A relay is one of many that nobody has to trust: each
hop sees only the next one, and mail lies sealed until its owner collects it.

- *client*: a link without an identity; *neighbour*: a link to another relay, shared by everyone.
- *lane*: one process's port and mix keys; a relay may have several.
- *boot* and *epoch*: a descriptor is signed once per start and per epoch, never twice for both.
- *account*: the memory that one link, or one part of the relay, may hold for others.
- *refused*: whatever is dropped or declined is counted under a fixed word, in silence.

Files, from the top of the layers to the bottom (the contract `relay-layers` holds them):

- relay:        start, drain, status; runs the tasks of all parts
- reloading:    what a running relay takes over of changed settings
- wiring:       puts the parts together, in an order in which each has what it needs
- connections:  every connection from its first byte to its end, and what it brings in
- directory:    who the relays are, and who holds a user's record
- forwarding:   packets in, packets and deliveries out; tunnels through this relay
- mailbox:      sealed mail for people who are away
- shards:       pieces of other people's files
- observing:    which relays are where they say
- links:        how many connections and how much memory; one shared link per neighbour
- keys:         identity, mix keys, boots, and the descriptor that names them
- check:        whether a folder's relay would start
- announced:    whether the announced host can be reached from outside
- status, storage: what `zentalk relay status` reads; what lies on disk
- standing:     whether the network was found, and what to tell if not
- machine:      memory, disk and uptime, looked up from outside
- metrics:      counters, and what a relay counts when a bug costs a link

It must never learn, keep or log who talks to whom, nor wait in one link's task for another link.
"""
