"""The bounds of a relay's links, and its shared links to other relays.

Everything that strangers can make a relay hold is bounded here: connections by their source,
memory by one budget, the processor by turns. Neighbours share one link for all traffic.

- *slot*: the place of one connection that was admitted.
- *source*: an IPv4 address or IPv6 /48; never a person, as many people share a guard.
- *principal*: whoever has a share: a client's source, or a neighbour.
- *budget* and *account*: all memory held for others, and one holder's part of it.
- *turn*: when a link may use the processor, among all links.
- *neighbour*: a relay with which this one has a link.

- admission:      how many connections, and which one makes room
- stream_shares:  how many streams, and which one makes room
- handshakes:     how many handshakes a second
- memory_budget:  one byte budget, and the accounts that share it
- capacity:       all of these and the turns of one relay, which every link draws on
- neighbours:     one shared link per neighbour: dialled once, closed when idle
- listeners:      the ports of the lanes and of UDP, bound all or none
- address_echo:   from which address somebody's datagrams come

It must never take from whoever is within its share to give to whoever is above it.
"""
