"""What an API node does without HTTP, in three kinds of rooms.

What runs inside a database transaction, in the writer's thread: `sessions/`, `messages/`. The way
into the network: `relays/`, `tunnels/`, `snapshot/`, `packets/`, and `network.py` over them. The
tasks that join both: `records/`, `delivery/`, `mailboxes/`, `devices/`, `notify/`, `linked/`. Above
all of them is `replica/`. import-linter holds the order; each package says in its first lines what
it is for.

Glossary: an *identity* is a person's long-term key; a *contact* is somebody the owner has added or
accepted; a *request* is a stranger who has written; a *mailbox* is where mail waits at a relay; a
*guard* is the relay that a node enters the network by.

- `node.py`: what REST calls, and the life of the node.
- `faces.py`: the part of it that is about devices and the owner's other node.
- `wiring.py`: who gets what, and which tasks run.
- `status.py`, `status_report.py`: what the owner is told, and where it is read.
- `network.py`, `profiles.py`: the way into the network, and how much it hides.
- `event_log.py`: the log as readers follow it.
- `work_search.py`: proof of work for relays, in slices.
- `housekeeping.py`: forgets what nobody needs any more.

Nothing here parses HTTP or prints. A message, its ratchet and its event change in one transaction;
what was not committed is never sent, and never acknowledged.
"""
