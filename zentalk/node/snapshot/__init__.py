"""The node's copy of the set of relays: requested of several sources, compared, refreshed.

What to believe is decided by `zentalk.directory.snapshot`; this package decides when to refresh,
and of whom to request.

- snapshot: the relays that several sources agree on, with their signed descriptors
- source: a relay that the snapshot is requested of
- refresh: one round over all sources
- boot: a relay's start; a newer one has new mix keys
- bootstrap: a configured relay that is dialled directly while nothing else is there

Files:

- `client`: one refresh, and what was accepted
- `source_turns`: one source after the other tells what is new
- `refresher`: when to refresh, and the view that paths are drawn from
- `sources`: which relays, over which way
- `saved_state`: what a node needs to start again, saved when it changes

It must never believe a single source, unless only one is configured, and never let anybody make
this node refresh more often than its limits say.
"""
