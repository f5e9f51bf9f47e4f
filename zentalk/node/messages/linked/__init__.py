"""What the owner's other node means for messages, inside the same transactions.

- `syncing.py`: with `sync = strict`, what is confirmed only once the replica has it.
- `resuming.py`: a node that was promoted and its contacts: whose turn it is, and what is missing.

Nothing here sends.
"""
