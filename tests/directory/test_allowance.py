import pytest

from zentalk.directory import allowance as module
from zentalk.directory.allowance import Allowance, Allowances


def test_a_burst_then_so_many_a_second() -> None:
    allowance = Allowance(burst=5, per_second=2, now=100.0)
    assert [allowance.take(100.0) for _ in range(7)] == [True] * 5 + [False] * 2
    assert [allowance.take(101.0) for _ in range(3)] == [True, True, False]
    assert sum(allowance.take(1000.0) for _ in range(20)) == 5, "never more than the burst"


def test_what_does_not_fit_spends_nothing() -> None:
    allowance = Allowance(burst=3, per_second=0, now=0.0)
    assert not allowance.take(0.0, 4)
    assert allowance.take(0.0, 3)


def test_a_clock_that_goes_back_gives_nothing() -> None:
    allowance = Allowance(burst=1, per_second=1, now=10.0)
    assert allowance.take(10.0)
    assert not allowance.take(5.0)
    assert allowance.take(6.0)


def test_one_source_is_limited_and_others_are_not() -> None:
    allowances = Allowances(burst=100, per_second=20)
    assert sum(allowances.take("a", 0.0) for _ in range(1000)) == 100
    assert allowances.take("b", 0.0)
    assert sum(allowances.take("a", 1.0) for _ in range(1000)) == 20


def test_the_source_that_was_quiet_for_longest_is_forgotten_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_SOURCES", 10)
    allowances = Allowances(burst=1, per_second=0)
    for number in range(100):
        allowances.take(number, 0.0)
        assert not allowances.take("talker", 0.0) or not number
    assert len(allowances) == 10
