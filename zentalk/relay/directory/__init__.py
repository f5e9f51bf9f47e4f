"""The directory service of a relay: the shell around the core `zentalk.directory`.

Relays tell each other who they are, without anyone in charge: each keeps a verified set of
descriptors, compares it with others, and holds user records that fall to it.

- *descriptor*: what a relay signs about itself, for one epoch and boot.
- *gossip*: each new descriptor or proof goes once to a few relays.
- *exchange*: reading another relay's set, and telling it what it lacks.
- *proof of equivocation*: two descriptors that one relay signed for one epoch and boot.
- *handover*: offering records to relays that have become responsible for them.

- service:          puts the directory together and runs its tasks
- requests:         what peers request of this relay, and what they tell it
- crawler:          joins through bootstraps, looks ids up, exchanges with others
- handover:         hands records over when the set of relays changes
- state:            what was learned, and what follows when more is learned
- record_store:     the user records that lie here
- snapshot_server:  answers readers of this relay's set
- gossip:           passes on what is new
- persistence:      writes what is new to the disk, in batches
- known_relays:     descriptors and addresses, for the rest of the relay
- peers:            the links that the directory needs, and how much news each may bring

It must never use, keep, answer or pass on a descriptor, proof or record that was not verified.
"""
