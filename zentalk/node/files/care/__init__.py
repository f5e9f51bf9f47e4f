"""Care: what an owner's node does so that files stay where they are for as long as they are wanted.

Spec: docs/spec/mesh.md sections 8, 11 and 12. The rules are in `zentalk.mesh`; here they are
carried out, one file at a time and with pauses, so that the owner does not notice the load, and
holders cannot tell by what is asked for in one go which files are of one owner.

- `rounds`:    which file is looked after when, and what is done then
- `checking`:  holders are asked, some shards read, and leases renewed
- `books`:     what is known of shards, from rows and back
- `moving`:    where shards lie from then on
- `repairing`: what is lost is made again and put elsewhere
- `contents`:  the shards to be put, from others or from what lies here
- `leftovers`: shards that are wanted no more are deleted
- `rotation`:  a file gets another share secret
- `newer`:     files are moved to a newer version
- `pace`:      pauses, and how much is read in a day

It must never read more than a segment into memory, open what is sealed, put anything at a holder
that is silent, or forget where a shard lies before it lies elsewhere.
"""
