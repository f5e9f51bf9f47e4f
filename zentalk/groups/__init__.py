"""Groups and channels without a server, and without I/O: who belongs to one, and who may do what.

Every member holds the *log* of the group: signed entries, each naming the entries that its author
had seen. Nobody orders them. Members who hold the same entries come to the same group whatever
order they came in, because the *fold* looks at nothing but what stands before what, and at ranks:
the founder's is 0, an admin's is one more than that of whoever made it one. Where two acts do
not know of each other, the lower rank decides; between equals, neither does. Clocks and hashes,
which an author can choose, never decide who is what (docs/design/adr-0017-ranks-in-groups.md).

Glossary: an *ancestor* of an entry is what its author had seen; *heads* are entries that are no
one's ancestors; two entries of which neither is the other's ancestor are *concurrent*. Each act
*rests on* the entry that gave its author the right to it. A removal *counts* if it was within its
author's rights, and an invitation or grant *stands* if nothing that counts ends it.

- `log.py`: the entries of one group, each checked against its ancestors, as `rows.py`;
  `waiting.py`: those that came before their ancestors.
- `ranks.py`: which acts, removals and grants count: the heart of it.
- `fold.py`: the whole group as a pure function of its log; `settings.py`: what is not about people.
- `state.py`: what comes out.
- `permission.py`: what somebody may do, and whether something said in a group is shown.
- `authoring.py`: the next entry. `exchange.py`: which entries to send, ask for and take.

Nothing here reads a clock, stores or sends. Entries and cards were verified by their decoders.
"""
