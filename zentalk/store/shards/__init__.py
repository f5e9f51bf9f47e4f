"""A relay's shards on its disk: an index in SQLite, and a file for each shard that is not small.

Spec: docs/spec/mesh.md sections 5 and 8. Whoever asks gets shards back as they came; who may store,
renew or delete is decided by `zentalk.relay.shards` and the rules in `zentalk.mesh`.

- *row*: what the index has of a shard: lease key, size, expiry, share, place.
- *place*: the number of a shard's file, never used twice; 0 if its bytes are in the index.
- *stray*: a file without a row: a put or a removal was cut off. *Lost*: a row without its file.
- *sentinel*: the file that says whose folder it is, and that the folder is there at all.

A file is on the disk before its row is, and its row is gone before the file is: at any moment each
row has its bytes. Files and not blobs: measured with shards of 105 KB on one core of a virtual
machine (ext4), eight writers at a time: 1,000 to 3,300 durable puts a second as files, 2,300 to
3,000 as blobs; but blobs are written twice (2.1 bytes for each), read and deleted at a third of the
speed (18,000 and 3,300 a second, files 58,000 and 10,800), and the database never gets smaller.

- `shelf`:    the store as a relay has it, perhaps in trouble
- `store`:    puts, reads and removals
- `orphans`:  finds strays and lost rows, folder by folder
- `files`:    the files
- `rows`:     the index
- `sentinel`: whose folder this is
- `schema`:   the tables

It must never let an id or a lease key into a log or an error.
"""
