"""The rules between two linked nodes of one owner, without I/O.

The *first* speaks for its owner's address; its *replica* has an identity of its own that only the
first knows, and follows the first's *feed*: the rows of the history that have changed, numbered.
A *page* is what has changed between two numbers. Each *promotion* of a replica raises the *term*
of the address, and the node with the higher term is the first.

- `feed_window.py`: how far the first goes ahead of what its replica has said to have.
- `page_joiner.py`: pages whole and in order again, at the replica.
- `terms.py`: which of two nodes with one address goes on.

Spec: docs/spec/linked-nodes.md. Nothing here reads a clock, a database or a network.
"""
