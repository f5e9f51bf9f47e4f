"""What a node knows of relays: which there are, how well they answer, which lose packets.

Everything here is plain bookkeeping that other packages feed and read. It ranks relays that
are allowed anyway, and remembers nothing for longer than it is true.

- view: the relays with a mix key for this epoch, in the form in which paths are drawn from them
- score: what speaks against a relay right now; it decays within minutes
- suspect: a relay whose score says that it looks dead
- role: a relay as forwarder, or as the end of a packet
- finding: a relay that loses more than chance explains

Files:

- `view`: the view of one epoch, and where the current one is to be had
- `scores`: scores and suspects
- `loss_detection`: probes by token; what became of each
- `loss_statistics`: counts by role, and which relay explains the losses
- `loss_alarm`: how many own loops came back; it names nobody, so it stays apart from detection

It must never widen a choice; otherwise a relay that drops packets could choose the
relays of a node.
"""
