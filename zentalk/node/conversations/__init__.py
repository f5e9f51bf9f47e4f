"""What goes on in conversations beside sending and receiving.

Glossary: an *action* is what the owner does with a message that is there; a *signal* says that
somebody is writing or is there, and is worth something only now; a *timer* lets messages disappear
some time after they were read; an *open* chat is one that a device of the owner shows now.

- `actions.py`: edits, reactions, receipts, mute, drafts, as REST calls them.
- `signal_board.py`: who is writing and who is there, as others have told.
- `signalling.py`: tells others that the owner is.
- `disappearing.py`: deletes what a timer has run out on.

Nothing here may queue a signal, or send one to somebody who is not there.
"""
