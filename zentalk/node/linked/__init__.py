"""Two nodes of one owner: what the first sends its replica, and which of two goes on.

Glossary: the *first* speaks for the owner's address; its *replica* has an identity of its own and
a copy of the history; a *promotion* makes a replica the first of a higher *term*; a node that finds
a higher term than its own is *outdone*, and silent from then on.

- `links.py`: making and ending a link, and what the owner is told of it.
- `feeder.py`: at the first: pages of changes to the replica, and what was written there.
- `follower.py`: at the replica: pages into its copy, and what is written here to the first.
- `replica_actions.py`, `replica_links.py`: what the owner can do at a replica.
- `owner_writes.py`: what the owner did at another node, done here, inside transactions.
- `standing.py`: looks at the owner's published record, and silences a node that is outdone.
- `renewal_queue.py`: after a promotion: ratchets with all contacts, one after the other.
- `parts.py`: which of them a node has.
- `status.py`: what the owner is told.

The rules are in `zentalk.linked`. Nothing here holds a phrase or an identity.
"""
