"""Finds out which relays are where they say: what others tell is only where to look.

Each relay looks for itself. Who was reached counts for 26 hours (`zentalk.directory.observations`);
until then a descriptor waits (`zentalk.directory.waiting_pool`) and is neither used nor shown nor
passed on.

- *probe*: an anonymous handshake at a descriptor's address, which proves the identity key there.
- *rumour*: a descriptor that somebody else brought.
- *hello*: a descriptor that a relay showed itself, on a link that it made.

Files:

- handshake_probe: one probe over the network
- schedule:        when to probe whom, and how often one address and its surroundings may be
- further:         where else relays that count say they are
- observing:       what was reached, what waits, and what is planned
- observer:        the task that probes

A probe is never caused by a tunnel or a packet, and what comes out of it shows nowhere but in the
set of relays: else clients could find out what listens at any address.
"""
