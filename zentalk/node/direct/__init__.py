"""Direct connections: a second way between two contacts, beside their mailboxes.

Both have agreed to it, because it shows each the other's network address. Then their nodes tell
each other, in sealed contents, where they may be reached (*offers*), look for a path between their
NATs, and open a *line*: a link inside QUIC, like a client's to its guard. Over it go the same
sealed copies that go to mailboxes; whoever has saved one says so. What a line does not answer for
goes over relays, and what comes over both ways is known by its hash.

- `service.py`: when to look for whom; `meetings.py`: who of two that call at once is answered
- `links.py`: one line, from a stream to its end; `mail.py`: what comes in over it; `paths.py`: the
  event log of lines that begin and end
- `offering.py`: sending offers; `ways.py`: what finds the path
- `nearby.py`: contacts in the local network, to whom offers go without relays

It must never show an address to somebody with whom not both sides have agreed, and never keep the
only copy of anything.
"""
