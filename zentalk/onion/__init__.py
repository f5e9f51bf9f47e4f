"""The onion core: fixed-size packets, how they are wrapped and peeled, and which way they go.

A sender wraps a payload in one layer for each relay of a path; each relay peels one off and
learns only where the packet goes next. Plain synchronous code; spec: docs/spec/onion.md.

- layer: one AEAD around a body of fixed size, under a key that only one relay can derive
- mix key: a relay's X25519 key of one lane and epoch; when it is gone, its packets stay closed
- pad: what a relay puts on at the end of a body for the header that it took off
- compact ack: a packet prebuilt by the sender who waits for it, short enough to travel inside one
- candidate: a live relay, with what path choice needs to know of it

Files:

- `geometry`:   the arithmetic of the two packet classes S and L
- `packet`:     what a sender names (`Hop`, `DeliveryPlaintext`), a relay gets (`Forward`,
                `Deliver`), and how the two headers are read
- `wrap`:       a sender makes a packet and its headers
- `peel`:       a relay takes one layer off; `mixkeys` and `replay` are its state
- `ack`:        the compact ack
- `candidates`: the relays that a path can be drawn from
- `path`:       which of them a packet or a compact ack visits
- `guards`:     the sticky entries and second hops of one sender; `guard_state` is what it stores
- `draw`:       uniform and exponential draws from injected entropy, and the middle of a path
- `errors`:     why a packet is refused, and that there is no path

It must never read a clock, draw entropy of its own, open a socket or answer a sender.
"""
