"""A node that follows another one of its owner, and what makes one the first.

Glossary: a *replica* has two databases: the copy of the first's history, and that of its link,
with an identity of its own, in the folder `linked`; the *invitation* is the code that it was set
up with.

- `roles.py`: what a folder is, and the node that runs on it.
- `invitation.py`: the folder `linked`, and whom it follows.
- `replica_node.py`: the node on such a folder.
- `promotion.py`: makes a folder that of the first of a higher term, by the recovery phrase.
- `comeback.py`: makes the folder of a node that was replaced a replica's.

A replica never holds the owner's identity but sealed, and never writes to the copy by itself.
"""
