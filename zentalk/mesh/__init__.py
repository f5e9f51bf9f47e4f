"""The mesh core: how a file becomes shards that no holder can read, and comes back from any ten.

Spec: docs/spec/mesh.md. A file is cut into *segments*; each is filled, sealed, and coded into 15
*shards*, of which any 10 rebuild it. Five holders may be lost, whichever they are, and none of them
learns more than sizes.

The code is linear over a field of 256 elements: a shard is a sum of products of the ten pieces of a
segment with fixed numbers. Whatever is lost is therefore such a sum of any ten that are left, and
coding, reading and repair are one operation with other numbers.

- `galois`:       the field, and the inverse of a matrix over it
- `bit_planes`:   sums of products of long byte strings in plain Python
- `erasure`:      the code: pieces from data, data from pieces, lost pieces from others
- `secrets`:      the keys of a file and of its leases
- `segments`:     a file's segments: filled, sealed and coded, and back
- `accelerated`:  the same sums from ISA-L, where pyeclib is installed; the only importer of it

Owners decide where shards go and look after them; a *holder* knows of an owner only a *lease key*:

- `head`:            the small sealed record that says how to put a file together
- `placement`:       which holder gets what, whom readers ask, how many losses a file survives
- `leases`:          statements of owners, and what a holder makes of them
- `nonces`:          the statements that a holder has seen
- `price`, `work`:   what strangers may store, and the work they do for it
- `audit`, `repair`: what an owner looks at every day, and what it does about losses

It must never open a socket or a file, read a clock, draw randomness, or show a key. What comes from
a holder is believed only after its id was compared; that it belongs to its segment is known only
after the segment was opened.
"""
