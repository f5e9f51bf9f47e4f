"""The owner's own mailboxes at relays: chosen, filled, collected, announced, replaced.

Mail waits there while the node is off. There are two, so that the loss of a relay loses no mail,
and a mailbox that was left is polled until everything deposited there has had its time.

Glossary: a *mailbox* is a place at a relay that one key may collect; a *send id* lets somebody
deposit there; a *pool* is what a mailbox keeps ready for others: send ids and one-time prekeys; a
*push* is an envelope that the relay sends to its owner; an *ack point* is a send id at which acks
of our own mail end.

- `manager.py`: keeps every mailbox collected, and has those replaced whose relays stay away.
- `replacements.py`: after how long, and ever less often.
- `copies.py`: notices that another program collects them, with a copy of our folder.
- `selection.py`: which relays are taken, inside transactions.
- `collector.py`: one connection to one mailbox: open it, keep it filled, collect.
- `registration.py`: becoming its collector; `registration_work.py`: the work for a new one;
  `prices.py`: where that is least.
- `pools.py`: send ids and one-time prekeys, kept filled.
- `receiver.py`: pushed envelopes are saved in batches, then acknowledged, then confirmed.
- `announcer.py`: tells acks, the user record and contacts where the mailboxes are.

Nothing here acknowledges an envelope before it is committed, or tells anybody of a mailbox before
its relay has registered it.
"""
