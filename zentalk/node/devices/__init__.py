"""The owner's devices, and the tokens with which they use this node.

Every device has a token of its own, which opens REST and can be revoked without touching others.

Glossary: a *device* is a program that acts for the owner; its *token* is a secret shown once; the
*list* of devices is signed by the owner's identity; to *revoke* is to shut a device out at once;
the *owner's token* is the one in the folder, and is no device.

- `tokens.py`: the signed list: admit, revoke, and ask whom a token belongs to.
- `pairings.py`, `admissions.py`: how a new device gets its token by a short code.
- `connections.py`: which devices are connected, in plain code.
- `attendance.py`: the same as a task, and when each device was last seen.

Nothing here keeps a token, only its hash, or admits a device from a list that is not signed.
"""
