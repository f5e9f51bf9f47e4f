"""K43 at the size of a network, short: simulations/crowd with fewer of everything."""

from __future__ import annotations

import pytest

from simulations.crowd.run import Outcome, measure
from zentalk.relay.links.stream_shares import StreamShares


def crowded(aim: str) -> Outcome:
    """Ten relays and 60 people, whose relays have so much less room as there are fewer of them."""
    return measure(relays=10, people=60, addresses=10, aim=aim, hostile_hops=4, rounds=4)


@pytest.fixture(autouse=True)
def room_for_twice_the_people(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StreamShares, "_room", lambda _self: 288)


@pytest.mark.parametrize("aim", ["all relays", "one relay"])
def test_k43_people_keep_a_way_to_their_mail(aim: str) -> None:
    assert crowded(aim).reached > 0.97


def test_k43_control_without_shares_most_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StreamShares, "_evict", lambda *_: False)
    assert crowded("all relays").reached < 0.05
