"""The directory core: who the relays are, and which of them hold a user's record.

Plain synchronous code in the manner of S/Kademlia. Events go in with the time they happen at, and
commands come out. Spec: docs/spec/directory.md.

- *descriptor set*: the newest verified descriptor of each relay, and proofs against cheats.
- *table*: relays that proved themselves on a link, in buckets by distance.
- *lookup*: asking nearer and nearer relays for those nearest to a target.
- *snapshot*: the set as a node takes it from three sources that check each other.
- *holder*: a relay among the nearest to a record's blinded key of a day.
- *observed*: reached by ourselves, where its descriptor says.

- descriptor_set, digests, boots, recent:       verified descriptors; what was handled
- news, equivocation:                           what follows from a new one; cheats
- observations, waiting_pool:                   relays that were reached; those that were not yet
- address_room:                                 how many of one range of addresses may be observed
- table, subnets, distance, identity_work:      contacts, their spread, distances, costly ids
- lookup, candidates:                           the iterative lookup and its heaps
- set_tree, set_reading:                        a set as a hash tree, and reading another's
- snapshot:                                     the rule by which a node believes three sources
- records, handover, allowance:                 which records are held, and for whom; rate limits
- events:                                       the event that every core takes

It must never open a connection, read a clock, draw randomness, or believe a byte that was not
verified first.
"""
