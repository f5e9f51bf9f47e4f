"""Whose a probe is: of this session, of the other side, and unchanged."""

from __future__ import annotations

from dataclasses import replace

import pytest

from zentalk.direct.asked import MOST, AskedProbes
from zentalk.direct.freshness import WINDOW, FreshNumbers, Transactions
from zentalk.direct.seals import ProbeSeals
from zentalk.errors import LocalProtocolError, RemoteProtocolError
from zentalk.net.runtime import seeded_entropy
from zentalk.wire.direct import PROBE_BYTES, DirectOffer, Nat, ProbeKind

ONE = DirectOffer(b"i" * 16, b"1" * 32, b"a" * 32, Nat.STEADY, ())
OTHER = DirectOffer(b"i" * 16, b"2" * 32, b"b" * 32, Nat.STEADY, ())
TRANSACTION = b"transaction!"


@pytest.mark.parametrize("kind", ProbeKind)
def test_each_reads_the_others_probes_and_not_its_own(kind: ProbeKind) -> None:
    ours, theirs = ProbeSeals(ONE, OTHER), ProbeSeals(OTHER, ONE)
    probe = ours.make(kind, TRANSACTION)
    assert len(probe) == PROBE_BYTES
    found = theirs.read(probe)
    assert found is not None
    assert (found.kind, found.transaction) == (kind, TRANSACTION)
    assert ours.read(probe) is None, "what comes back proves nothing"
    assert ours.tag == theirs.tag
    assert (ours.is_client, theirs.is_client) == (True, False)


@pytest.mark.parametrize("at", range(PROBE_BYTES))
def test_a_changed_probe_is_nobodys(at: int) -> None:
    probe = bytearray(ProbeSeals(ONE, OTHER).make(ProbeKind.ASK, TRANSACTION))
    probe[at] ^= 2
    assert ProbeSeals(OTHER, ONE).read(bytes(probe)) is None


@pytest.mark.parametrize(
    "other_self",
    [replace(ONE, secret=b"3" * 32), replace(ONE, direct_key=b"1" * 32)],
)
def test_only_who_has_both_offers_makes_probes(other_self: DirectOffer) -> None:
    probe = ProbeSeals(other_self, OTHER).make(ProbeKind.ASK, TRANSACTION)
    reader = ProbeSeals(OTHER, ONE)
    assert reader.read(probe) is None
    forged = probe[:2] + reader.tag + probe[10:]
    assert reader.read(forged) is None


def test_the_tag_says_nothing_of_the_session() -> None:
    later = replace(ONE, session=b"j" * 16), replace(OTHER, session=b"j" * 16)
    assert ProbeSeals(*later).tag != ProbeSeals(ONE, OTHER).tag


def test_an_offer_that_is_our_own_is_refused() -> None:
    for theirs in (
        ONE,
        replace(OTHER, secret=ONE.secret),
        replace(OTHER, direct_key=ONE.direct_key),
    ):
        with pytest.raises(RemoteProtocolError):
            ProbeSeals(ONE, theirs)


def test_offers_of_two_sessions_do_not_belong_together() -> None:
    with pytest.raises(LocalProtocolError):
        ProbeSeals(ONE, replace(OTHER, session=b"j" * 16))


PLACE, KNOWN = ("11.66.6.6", 6666), ("11.77.1.1", 4000)


def test_a_number_counts_once_however_it_comes() -> None:
    drawn = Transactions(seeded_entropy(b"numbers"))
    numbers = [drawn.draw() for _ in range(WINDOW + 2)]
    assert len({number[4:] for number in numbers}) == len(numbers)
    fresh = FreshNumbers()
    late = numbers[1]
    for number in (numbers[0], *numbers[2 : WINDOW + 1]):
        assert fresh.take(number, KNOWN, is_known=True)
        assert not fresh.take(number, KNOWN, is_known=True)
        assert not fresh.take(number, PLACE, is_known=False)
    assert fresh.take(late, KNOWN, is_known=True), "it was overtaken"
    assert fresh.take(numbers[-1], KNOWN, is_known=True)
    assert not fresh.take(numbers[0], KNOWN, is_known=True), "too old to tell"
    assert not fresh.take(numbers[0], PLACE, is_known=False)


def test_what_is_remembered_of_probes_has_a_bound() -> None:
    fresh, drawn, asked = FreshNumbers(), Transactions(seeded_entropy(b"numbers")), AskedProbes()
    for _ in range(4 * WINDOW):
        number = drawn.draw()
        asked.add(number, ProbeKind.ASK, KNOWN)
        assert fresh.take(number, KNOWN, is_known=True)
    assert len(asked) == MOST
    assert len(fresh) == WINDOW


def test_a_faster_copy_does_not_silence_a_place_that_is_known() -> None:
    number = Transactions(seeded_entropy(b"numbers")).draw()
    fresh = FreshNumbers()
    assert fresh.take(number, PLACE, is_known=False)
    assert fresh.take(number, KNOWN, is_known=True)
    assert not fresh.take(number, KNOWN, is_known=True)
    assert not fresh.take(number, ("11.66.6.7", 1), is_known=False)
