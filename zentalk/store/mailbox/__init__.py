"""Stores of a relay's mailboxes: they execute what the mailbox core decided, and remember it.

Operations and outcomes are data of `zentalk.mailbox.storage`; a batch of them is one transaction,
so that what is reported as done is on the disk. Spec: docs/spec/mailbox.md section 7.

- *operation*: one change or reading, such as `PutEnvelope`.
- *outcome*: what became of it; there is none if its transaction failed.
- *room*: what the core says about quotas; a store obeys it and knows none itself.
- *arrival*: a deposit in the list of a public send id, whether its envelope still waits or not.
- *evicted*: removed so that another envelope fits.
- *profile*: `durable` is `sqlite`, `memory` is `memory`.

`sqlite` keeps mail on disk, in the tables of `schema`, and executes batches; what an operation does
is in `envelopes` and `removals`, `mailboxes`, `send_ids`, `arrivals`, `prekeys` and `kept`;
`look_up` finds single mailboxes, all but their envelopes; `capacity` knows how much room is left;
`memory` keeps mail until the relay stops, each mailbox in a `memory_box`;
`count` counts envelopes from outside;
`earlier_files` has the file's name and takes over files that had another.

A store must never look into an envelope, read a clock, or report what is not committed.
"""
