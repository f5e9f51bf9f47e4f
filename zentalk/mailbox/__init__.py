"""The mailbox core: what a relay does with sealed mail for people who are away.

Spec: docs/spec/mailbox.md. The words of this package:

- A *mailbox* belongs to a collect key. *Send ids* let others deposit into it.
- A *deposit* brings an envelope. The core holds it in memory (*held*), hands it to the
  *collector* (the one connection that proved the collect key) as a *push*, or *writes*
  it to the store.
- The collector *acks* what it saved, which deletes it.
- A deposit is *safe* once its envelope is committed or acked by the owner; only then
  may its *compact ack* leave.

`MailboxCore.handle(event, now)` returns commands; it must never read a clock, draw
entropy of its own, touch a disk or a socket, or learn who a sender is. The store
(`zentalk.store`) remembers what the core decided and decides nothing.
"""
