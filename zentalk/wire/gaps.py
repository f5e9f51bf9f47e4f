"""What a promoted node asks its contacts, and what they answer: which messages are missing there.

Spec: docs/spec/linked-nodes.md section 6. The question is the body of a content of kind `route`,
where earlier versions read none; the answer is a kind of its own.

    question   [number of the last message that is here, number that the next one of ours has]
    answer     [how many are lost, [their numbers, at most 60], how many of ours are unknown there,
                number of our last one that the contact has]
"""

from __future__ import annotations

from typing import Final, NamedTuple

from zentalk.errors import DecodeError
from zentalk.wire.codec import Fields, Value

GAPS: Final = "gaps"
MAX_NAMED: Final = 60
"""Numbers of lost messages that an answer names; of more it says how many there are."""
_MAX_U53: Final = 2**53


class GapQuestion(NamedTuple):
    """The last number of the contact that is here, and the next one of the asking node."""

    last: int
    following: int


class Gaps(NamedTuple):
    """What a contact knows to be missing: how many of its messages and which, how many of ours.

    `last_sent` is the number of our last message that it has.
    """

    lost: int
    numbers: tuple[int, ...]
    lost_sent: int
    last_sent: int


def decode_question(value: Value) -> GapQuestion | None:
    """Read a question; None if there is none, as from nodes that were not promoted."""
    if not isinstance(value, list):
        return None
    try:
        fields = Fields(value, "a question about gaps")
        question = GapQuestion(fields.uint(_MAX_U53), fields.uint(_MAX_U53))
        fields.end()
    except DecodeError:
        return None  # a later version may ask otherwise; its route counts all the same
    return question


def encode_gaps(gaps: Gaps) -> list[Value]:
    """Return the body of an answer."""
    return [gaps.lost, list(gaps.numbers), gaps.lost_sent, gaps.last_sent]


def decode_gaps(value: Value) -> Gaps:
    """Read an answer; raises DecodeError."""
    fields = Fields(value, "an answer about gaps")
    lost, listed = fields.uint(_MAX_U53), fields.array(MAX_NAMED)
    reader = Fields(listed, "the numbers of lost messages")
    numbers = tuple(reader.uint(_MAX_U53) for _ in listed)
    gaps = Gaps(lost, numbers, fields.uint(_MAX_U53), fields.uint(_MAX_U53))
    fields.end()
    if gaps.lost < len(numbers):
        raise DecodeError("an answer about gaps names more than it counts")
    return gaps
