"""The shell around links: transports, the pump that joins a link to a stream, tunnels.

As little code as possible touches the network, and all of it is here: everything above speaks to
a `Connection`. Under a virtual clock, over the network in memory, the same code repeats itself.

- *stream*: reliable, ordered bytes in both directions, of TCP, in memory or inside a link.
- *connection*: an open link over a stream: packets, requests, notifications and streams.
- *request*, *response*, *notification*: what one side sends to have an answer, or to tell.
- *runtime*: the clocks, the entropy and the threads of one program.
- *turn*: when a link may work, among many.

- tunnel, serve:            ways to an open connection: through hops, dialling, answering a dial
- dispatch:                 requests and notifications by method
- connection, streams:      what programs do with an open link, and a stream inside one
- pump:                     one reader, one writer and one watch for silence per link
- resources, turns:         the memory and the processor time that a link may use
- tcp, tcp_stream, memory:  the transports, real and in memory; `transport` says what one is
- datagrams:                a port for datagrams, of UDP; in memory in `memory_datagrams`
- punching, path_session:   paths to contacts through NATs, and one of them
- multicast, interfaces:    datagrams to all of the local networks, and which networks those are
- own_addresses:            from which of its addresses this machine sends to others
- splice:                   joins two streams
- runtime, threads:         clocks, entropy and blocking calls; the threads for them
- backoff, signal:          the one way to wait and try again; an event that arms itself again
- crash_isolation:          a bug that one connection meets ends that connection alone
- sources:                  what counts as one source of strangers
- descriptors:              how many files and connections a process may have open

It must never decide what a packet or a request means, nor let one connection's fault end another.
"""
