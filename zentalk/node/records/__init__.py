"""User records: how others find an owner's mailboxes and keys, and how the owner finds theirs.

A record is stored under a blinded key of its day at relays that are drawn by that key. Every
request for one goes through a tunnel of its own.

- user record: an owner's mailboxes and prekeys for one day, sealed and signed
- blinded key: what a record is stored under; only those who know the address can compute it
- holder: a relay that stores the records near a point of the key space
- prekey bundle: the keys of a record that a first message needs
- decoy: a look-up whose result nobody needs

Files:

- `holders`: which relays hold a record, and storing and reading there
- `lookup`: the records of others, and prekeys of their mailboxes
- `publisher`: which own records are published when, and what is in them
- `decoys`: look-ups at random times

It must never send two requests over one tunnel, or take a prekey when no conversation begins.
"""
