"""The mailbox of a running relay: the shell around the core in `zentalk.mailbox`.

The core decides and this carries out: it verifies proofs, turns requests into events, gives the
core the time, and hands its commands to connections and to the store. Spec: docs/spec/mailbox.md.

- *collector*: a connection over which an owner's mail is collected; the core knows its number.
- *driver*: what feeds the core with events and has its commands carried out, in order.
- *pending request*: one that waits for the core, which may respond only after a commit.
- *group commit*: what is queued for the store at one moment becomes one transaction.
- *poll queue*: what waits for an owner who asks at a pace of its own.

`service` has the methods and the way in for deposits; `core_driver` drives the core; `collectors`
knows the connections and what each may have; `poll_queue` fills responses of constant size;
`pending_requests` lets tasks wait; `group_commit` is the one task that calls the store.

It must never decide about mail, respond or acknowledge before a commit, make a task for a
deposit, or let an id, a key or an envelope into a log.
"""
