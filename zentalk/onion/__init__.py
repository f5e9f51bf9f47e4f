"""The onion core: fixed-size packets, how they are wrapped and peeled, and which way they go.

Plain synchronous code. It never reads a clock, draws entropy of its own, opens a socket or
answers a sender. Spec: docs/spec/onion.md.

- geometry: the arithmetic of the two packet classes S and L
- packet:   what a sender names (`Hop`, `Delivery`) and a relay gets (`Forward`, `Deliver`)
- wrap:     a sender makes a packet
- peel:     a relay takes one layer off; `mixkeys` and `replay` are its state
- ack:      the compact acknowledgement, a packet prebuilt by whoever waits for it
- path:     which relays a packet visits
- guards:   the sticky entries and second hops of one sender
- draw:     uniform and exponential draws from injected entropy
"""
