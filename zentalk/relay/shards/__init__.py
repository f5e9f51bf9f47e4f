"""The shards that a running relay keeps: the shell around the rules in `zentalk.mesh`.

Spec: docs/spec/mesh.md. Whoever has an id may read; whoever has the lease key may renew and delete;
strangers may store what the quota and their work allow.

- *room*: the quota, what strangers may take of it now, and the share of those who hold a token.
- *keeper*: judges what is asked for, inside the transaction that carries it out.
- *upkeep*: removes what has expired, and puts right what a crash has left.

`service` has the methods; `opening` puts the parts together; the disk is `zentalk.store.shards`.

It must never answer before a commit, know who asks, or let an id, a key or a byte of a shard into
a log.
"""
