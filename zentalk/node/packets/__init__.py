"""Onion packets on their way out of a node, and what becomes of them.

`PacketSender` is what others use: it draws a path for a payload, wraps it and hands it to a guard,
or lets it wait for a tick where the profile shapes traffic.

- path: guard, second hop, a third that is drawn from all relays, delivery relay; longer for loops
- compact ack: a prebuilt packet that a mailbox relay sends back over a path of its own
- loop: a packet to oneself that comes back
- cover: loops, and packets that are dropped at their end
- tick: the moment at which a shaped node sends one packet, whatever there is to send

Files:

- `sender`: over which guard a packet goes, and when
- `path_builder`: draws paths, lanes and delays, and wraps; `wishes` are what it is asked for
- `waiting`: packets that wait for a tick
- `cover_traffic`: the ticks
- `ack_points`: where compact acks of what is sent may end
- `fates`: which packets arrived or got lost, and what that says of relays

It must never shorten a path, send outside a tick where there are ticks, or let losses bring in
a relay from elsewhere.
"""
