"""zentalk: a private messenger network of onion relays, mailboxes and personal API nodes.

The packages form layers, each importing only from those below it (``pyproject.toml`` states them
and ``make lint`` checks them). The protocol cores are plain synchronous code without clock, entropy
or sockets of their own; shells run them under trio; programs put both together.
"""
