"""File descriptors: the soft limit goes up, and a limit that is too low is said, not met."""

from __future__ import annotations

import resource

import pytest

from zentalk.errors import ConfigError
from zentalk.net import descriptors
from zentalk.net.descriptors import SPARE_DESCRIPTORS, connections_allowed, raise_limit


def test_the_soft_limit_is_raised_to_the_hard_one() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
        raise_limit()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (before[1], before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize(
    ("limit", "allowed"), [(2**20, 4096), (1024, 1024 - SPARE_DESCRIPTORS), (192, 64)]
)
def test_fewer_connections_where_the_limit_is_low(
    monkeypatch: pytest.MonkeyPatch, limit: int, allowed: int
) -> None:
    monkeypatch.setattr(descriptors, "raise_limit", lambda: limit)
    assert connections_allowed(4096) == allowed


def test_hardly_any_is_an_error_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(descriptors, "raise_limit", lambda: 150)
    with pytest.raises(ConfigError, match=r"150 files.*raise the limit to 4224 \(`ulimit -n`"):
        connections_allowed(4096)
    assert connections_allowed(20) == 20
