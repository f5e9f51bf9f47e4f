"""Forwarding: packets in, packets and deliveries out, and tunnels through this relay.

A packet is peeled with its lane's mix key, held for as long as its sender asked, and handed to the
link of the next relay or to a service here. Nothing is answered and no packet is ever stored.

- *peel*: take one layer off a packet (`zentalk.onion.peel`).
- *delay*: how long a sender wants its packet held at this hop.
- *delivery*: a packet whose last hop is here: a deposit, an ack token, or cover.
- *tunnel*: a stream that a client opens through this relay to another one.
- *send queue*: packets for a neighbour whose link is just being made.

- router:       peels packets, holds those with a delay, hands the others on
- forwarder:    sends packets to the next relay, dialling if there is no link
- delay_queue:  packets that are held, by due time
- send_queues:  packets that wait for a dial, bounded together
- tunnels:      streams to verified relays, and links that end here inside a stream

It must never wait on a neighbour, tell a sender what became of a packet, or dial an address that
a client names.
"""
