"""Everything on its way to a recipient, until it has confirmed it.

Items are committed before they get here, and are forgotten only when their recipient has confirmed
them or their time to live is over. In between they are deposited at its mailboxes, and again.

Glossary: an *item* is one ciphertext in the outbox; a *copy* is an item sealed for one mailbox; an
*ack* says that a relay holds a copy; a *confirmation* says that the recipient sees the message;
a *best-effort inner* is one that nobody will confirm, such as a confirmation.

- `core.py`: which item goes where and when: plain rules, events in and commands out.
- `events.py`: those events and commands.
- `in_flight.py`: items, their next times, and the window of each contact.
- `retry_schedule.py`: when one item is deposited at which mailbox.
- `outbox.py`: carries out what commits allow; the shell of the core: time, seals, packets.
- `proof_of_work.py`: what full or flooded mailboxes ask for, and the work for it.
- `message_states.py`: writes down what relays hold and what was given up.
- `reconfirming.py`: confirms anew, seldom, what has come again.
- `recipients.py`: where recipients collect, and what is missing of them.
- `recipient_lookup.py`: fetches that: user records, and keys to start sessions with.
- `session_recovery.py`: when which session is to be recovered.
- `session_renewal.py`: how: a new ratchet from the contact's user record.

Nothing here encrypts with a ratchet outside a transaction, tells a person that a message has
arrived before its recipient has, or forgets an item that is not confirmed.
"""
