"""The mailbox core: what a relay does with sealed mail for people who are away.

It is plain synchronous code, so that whatever happens in whatever order can be tried in tests.
Spec: docs/spec/mailbox.md. The words of this package:

- A *mailbox* belongs to a collect key. *Send ids* let others deposit into it.
- A *deposit* brings an envelope. The core holds it in memory (*held*), hands it to the
  *collector* (the one connection that proved the collect key) as a *push*, or *writes*
  it to the store.
- The collector *acks* what it saved, which deletes it.
- A mailbox is *awake* while it is collected or was just used; one that *sleeps* is only rows.
- A deposit is *safe* once its envelope is committed or acked by the owner; only then
  may its *compact ack* leave.

`MailboxCore.handle(event, now)` takes one of `events` and returns `commands`, top to bottom:

- `core`: gives each event to its part.
- `deposits`: the way in. `owners`: who collects. `send_id_changes`: what owners register.
- `questions`: what anyone may ask, `prekeys` one-time keys; `answers` leave at an even time.
- `waking` finds mailboxes, `resting` lets them sleep.
- `delivery`: pushes. `postage`: what a place costs strangers. `acks`: when compact acks leave.
- `sweeping`: what is over goes. `writing`: quotas, and what becomes of a write.
- `part`, `effects`: what the parts share; commands are collected, and outcomes find who waits.
- `registry`, `state`: who owns what, and what of it is in memory. `clock`: hours and days.
- `storage`: what a store can do, `pool` with one-time keys, `look_ups` to find what sleeps;
  `stored` is what lies there. `settings`: every limit. `tokens`: what is never stored.
- `arrivals`: the best deposits under a public send id, on which prices and acks rest.
- `proof`, `http_proof`, `http_credentials`, `work`: what owners and senders prove, at both ends.

It must never read a clock, draw entropy of its own, touch a disk or a socket, or learn who a
sender is. The store (`zentalk.store`) remembers what the core decided and decides nothing.
"""
