"""A relay's keys: its identity, its mix keys, and when they change.

Mix keys live in memory only and are gone after the next epoch, so that a seized relay cannot open
packets of the past. A descriptor names them, signed with the identity key.

- *identity*: an Ed25519 key whose hash is the relay's id; *work*: how rare that id is.
- *mix key*: the X25519 key of a lane for one epoch.
- *epoch*: the time that a mix key is made for; *boot*: the number of a start.
- *superseded*: the network holds a descriptor of ours with a boot at least as high.
- *peeler*: a lane's mix keys and its replay filters (`zentalk.onion.peel`).

- identity:    reads or makes the identity
- mix_keys:    the mix keys of all lanes, and the descriptor of this moment
- rotation:    turns epochs and boots by the clock, and keeps the status file true
- boot_check:  asks the network which boots of this relay it has seen

It must never sign two descriptors for one epoch and boot, nor write a mix key to the disk.
"""
