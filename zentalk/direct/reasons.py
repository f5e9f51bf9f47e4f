"""The reasons for which a search finds no path, as far as one side can know them.

Spec: docs/spec/direct.md section 4.4. Each side has seen other things and so may name another
reason. None may blame a side for what the other one can have caused.
"""

from __future__ import annotations

from enum import StrEnum

from zentalk.wire.direct import CandidateKind, DirectOffer, Nat
from zentalk.wire.public_addresses import public_address


class WhyNot(StrEnum):
    """The reason for which there is no path."""

    UNSEEN = "unseen"
    """Nothing came, and nobody has told us an address of ours on the Internet."""
    NO_CANDIDATES = "no-candidates"
    """The other side names no place that may be probed, and nothing came from it."""
    SYMMETRIC_HERE = "symmetric-here"
    """Nothing came, and our NAT gives each destination another port."""
    SYMMETRIC_THERE = "symmetric-there"
    """Nothing came, and the other side's NAT gives each destination another port."""
    SYMMETRIC_BOTH = "symmetric-both"
    """Nothing came, and the NATs of both sides do that."""
    ONE_WAY = "one-way"
    """Something came from the other side, and it answered nothing of ours."""
    UNSTEADY = "unsteady"
    """We were answered, but too seldom for a place that both sides have proved."""
    NO_ANSWER = "no-answer"
    """Nothing came at all: a firewall, or the other side was not there at this time."""


def why_not(
    own: DirectOffer,
    theirs: DirectOffer,
    *,
    is_any_probed: bool,
    was_heard: bool,
    is_answered: bool,
) -> WhyNot:
    """Return the reason of a search that is over, by what came in it."""
    if is_answered:
        return WhyNot.UNSTEADY
    if was_heard:
        return WhyNot.ONE_WAY
    if not _is_seen(own):
        return WhyNot.UNSEEN
    if not is_any_probed:
        return WhyNot.NO_CANDIDATES
    here, there = own.nat is Nat.SYMMETRIC, theirs.nat is Nat.SYMMETRIC
    if here and there:
        return WhyNot.SYMMETRIC_BOTH
    if here:
        return WhyNot.SYMMETRIC_HERE
    return WhyNot.SYMMETRIC_THERE if there else WhyNot.NO_ANSWER


def _is_seen(own: DirectOffer) -> bool:
    """Tell whether we know a place of ours on the Internet, a relay's word or not."""
    return any(
        one.kind is CandidateKind.ECHOED or public_address(one.place[0]) == one.place[0]
        for one in own.candidates
    )
