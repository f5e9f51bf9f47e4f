"""End to end between two people: key agreement, ratchets, safety numbers (spec: end-to-end).

Plain synchronous code on values: no clock, no sockets, no storage, and all randomness
is passed in. Nothing here changes before authentication succeeded: every step returns
a new state, and a refused envelope leaves the old one as it was. An `await` between
check and commit would let replays through, so there is none.
"""
