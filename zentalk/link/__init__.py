"""The link: an authenticated, encrypted connection of two neighbours, without any I/O.

Bytes from the peer go into `Link.receive` and events come out; what is queued on `Link.traffic`
comes out of `Link.data_to_send` as bytes for the peer. A tunnel is the same thing inside a stream
of another link. Spec: docs/spec/link.md.

- *initiator* and *responder*: who dialled, and who was dialled and proves its identity.
- *frame*: a packet, a piece of a request, response, notification or stream, or a ping.
- *unit*: what carries frames on a client's link, in two sizes only; a *cell* is one inside a link.
- *record*: what carries frames between two relays, as long as it needs to be.
- *credit*: how many bytes of a stream the other side may still send.

- link:                    the state machine from the first byte to an open link
- handshake, noise, hello: the Noise handshake, and what each side shows of itself
- traffic:                 what an open link does with frames
- rpc, streams:            requests in pieces; streams with credit
- outbox:                  which frame is sent next, and what a link may hold in memory
- records:                 frames into units or records, and back
- keepalive:               when to ping, and when a silent link is dead
- events, geometry:        what happened; sizes of units and cells

It must never read a clock or draw entropy of its own, nor act on bytes that are not authenticated.
"""
