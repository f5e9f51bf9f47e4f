"""Messages in and out, inside the transactions of the history.

A command of the owner, or a batch of deposits from a mailbox, becomes rows, ratchet steps and
ciphertexts in one transaction, and one value that says what its commit sets off.

Glossary: *content* is what a sender says, in its encoded form; an *inner* is a content encrypted
with a ratchet; an *envelope* is an inner under the outer seal of one mailbox; a *route* names the
mailboxes of a person for one contact; *effects* are what a commit allows others to do.

- `commands.py`: what the owner writes.
- `people.py`: what the owner does about others: adding, naming and accepting them.
- `compose.py`: from contents to encrypted outbox items.
- `confirmations.py`: what is confirmed, and what a repetition may bring about.
- `receive.py`: from deposits to the history, a batch per transaction.
- `conversation/`: what is done with messages that are there.
- `kinds/`: what each kind of content does once it has decrypted.
- `requests.py`: how many strangers may ask, how much of each is kept, and for how long.
- `first_contact/`: invites, introductions, and who has compared a safety number.
- `ordering.py`: the one order of a conversation; what came too early is held.
- `states.py`: how far a message has come, in its row and in the event log.
- `reasons.py`: why a message has not come further.
- `routes.py`: where deposits go, their outer seal, and which of our send ids a contact is told.
- `effects.py`: what a committed job allows, as one value.

Nothing here waits, sends, wakes a task or reads a clock: jobs run in the writer's thread and get
the time as an argument. What is returned counts only once it is committed.
"""
