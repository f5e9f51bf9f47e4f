"""Direct paths between contacts: how two nodes behind NATs find one, and notice its end.

A NAT lets a datagram in where one went out before. So both sides send to all places where the other
may be, at about the same time, and what comes through is the path. Relays tell a node from which
address its datagrams come; they carry nothing here. Plain synchronous code: who calls brings the
time, the randomness and the datagrams.

- *offer*: what one side tells the other inside a sealed content: candidates, a secret, a key.
- *candidate*: an address and port under which a side may be reached; *reflexive* if others saw it.
- *probe*: a small datagram with a MAC of a key that only these two have.
- *path*: a place of the other from which a probe was answered, and at which one of it was.
- *client*: the side with the smaller direct key. It chooses the path, and opens QUIC over it.

Files, from the top of the layers to the bottom:

- punch:       one session: the search, the path, keepalives, and the search for another one
- search, path_check, asked, freshness: when to send again; what was asked; what was seen before
- seals:       the keys of a session, and the MAC of each probe
- neighbours:  contacts in the local network, and offers to them without a relay
- beacons, pair_seals: what goes to everybody there, of which a contact alone knows whose it is
- survey:      asking relays for the own address
- candidates:  what to offer, and what kind of NAT it shows
- places:      where probes may go at all
- reasons:     why a search found no path

It must never send to a place because of a datagram that was not proved to be the contact's, nor to
addresses of other people's machines, houses and services because a contact names them.
"""
