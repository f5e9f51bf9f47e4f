"""User records: how others find an owner's mailboxes and keys, and how the owner finds theirs.

A record is stored under a blinded key of its day at relays that are drawn by that key. Every
request for one goes through a tunnel of its own.

- user record: an owner's mailboxes and prekeys for one day, sealed and signed
- blinded key: what a record is stored under; only those who know the address can compute it
- holder: a relay that stores the records near a point of the key space
- prekey bundle: the keys of a record that a first message needs
- decoy: a look-up whose result nobody needs

Files:

- `requests`: one request to one relay
- `holders`: which relays hold a record, and storing and reading there
- `lookup`: the records of others, and prekeys of their mailboxes
- `schedule`: when own records are offered, looked for and changed
- `own_records`: what is in the own records; sealed once, kept, changed if they must be
- `publisher`: offers own records at their times
- `decoys`: look-ups at random times

It must never send two requests over one tunnel, or take a prekey when no conversation begins.
"""
