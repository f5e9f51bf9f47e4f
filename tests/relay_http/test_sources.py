"""How often one address may ask."""

import pytest

from zentalk.relay_http import sources as module
from zentalk.relay_http.sources import BURST, PER_SECOND, Sources


def test_one_address_is_limited_and_others_are_not() -> None:
    sources = Sources()
    assert sum(sources.admits("a", 0.0) for _ in range(1000)) == BURST
    assert sources.admits("b", 0.0)
    assert sum(sources.admits("a", 1.0) for _ in range(1000)) == PER_SECOND


def test_what_is_known_of_addresses_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SOURCES", 10)
    sources = Sources()
    for number in range(100):
        sources.admits(number, 0.0)
    assert len(sources._known) == 10
