"""What is done with messages that are there, inside the transactions of the history.

- `commands.py`: what the owner does: edits, reactions, receipts, timers, mute, drafts.
- `marking.py`: what either side does becomes visible, and is told.
- `importing.py`: messages of an export come back.
- `forgetting.py`: nothing is left of a group.
- `profile.py`: how the owner is shown to contacts.
- `signals.py`: typing and presence, encrypted and never stored.
"""
