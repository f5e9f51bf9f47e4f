"""The link: an authenticated, encrypted connection of two neighbours, without any I/O.

Bytes from the peer go into `Link.receive`, events come out; frames go into `Link.send`
and its relatives, bytes for the peer come out of `Link.data_to_send`. A tunnel is the
same thing inside a stream of another link. Spec: docs/spec/link.md.
"""
