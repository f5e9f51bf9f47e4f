import math

import pytest

from tests.directory.support import descriptor
from zentalk.relay.observing.schedule import (
    PER_SUBNET,
    SAME_ADDRESS_SECONDS,
    Cause,
    ProbeSchedule,
)
from zentalk.wire.text import RelayUri


def uri(number: int, host: str = "127.0.0.1") -> RelayUri:
    return descriptor(number, host=host).uri


def drain(schedule: ProbeSchedule, until: float) -> list[tuple[float, RelayUri]]:
    """Return what is probed up to a time, and when."""
    found = []
    while (at := schedule.next_at()) <= until:
        found += [(at, one) for one, _ in schedule.due(at)]
    return found


def test_what_is_planned_is_due_in_its_turn() -> None:
    schedule = ProbeSchedule("local")
    schedule.plan(uri(1), 5.0, Cause.RUMOUR)
    schedule.plan(uri(2), 3.0, Cause.RUMOUR)
    schedule.plan(uri(1), 1.0, Cause.HELLO)
    assert schedule.due(0.5) == []
    assert schedule.due(4.0) == [(uri(1), Cause.HELLO), (uri(2), Cause.RUMOUR)]
    assert schedule.next_at() == math.inf


def test_what_is_forgotten_is_not_probed() -> None:
    schedule = ProbeSchedule("local")
    schedule.plan(uri(1), 5.0, Cause.RUMOUR)
    schedule.forget(uri(1))
    assert schedule.next_at() == math.inf


def test_k47_one_address_is_connected_to_once_in_ten_minutes_because_of_rumours() -> None:
    """A thousand keys that all claim one victim's address, at a thousand ports."""
    schedule = ProbeSchedule("main")
    for number in range(1000):
        schedule.plan(uri(number, "8.8.8.8"), 0.0, Cause.RUMOUR)
    probed = drain(schedule, 3600.0)
    assert len(probed) <= 3600 / SAME_ADDRESS_SECONDS + 1


def test_k47_one_subnet_is_connected_to_six_times_a_minute() -> None:
    schedule = ProbeSchedule("main")
    for number in range(200):
        schedule.plan(uri(number, f"8.8.8.{number}"), 0.0, Cause.RUMOUR)
    probed = [at for at, _ in drain(schedule, 600.0)]
    assert len(probed) <= 11 * PER_SUBNET
    assert max(sum(start <= at < start + 60 for at in probed) for start in probed) <= PER_SUBNET


def test_rumours_take_nothing_from_a_relay_that_shows_itself() -> None:
    schedule = ProbeSchedule("main")
    for number in range(100):
        schedule.plan(uri(number, "8.8.8.8"), 0.0, Cause.RUMOUR)
    schedule.due(0.0)
    schedule.plan(uri(200, "8.8.8.8"), 1.0, Cause.HELLO)
    assert (uri(200, "8.8.8.8"), Cause.HELLO) in schedule.due(1.0)


def test_a_local_network_on_one_address_is_not_held_up() -> None:
    schedule = ProbeSchedule("local")
    for number in range(100):
        schedule.plan(uri(number), 0.0, Cause.RUMOUR)
    assert len(schedule.due(0.0)) == 100


def test_k46_who_comes_from_its_address_does_not_wait_for_its_surroundings() -> None:
    """A whole /24 of keys may say hello; each address has a limit of its own."""
    schedule = ProbeSchedule("main")
    for number in range(100):
        schedule.plan(uri(number, f"8.8.8.{number}"), 0.0, Cause.HELLO)
    schedule.due(0.0)
    schedule.plan(uri(200, "8.8.8.200"), 1.0, Cause.HOME)
    assert (uri(200, "8.8.8.200"), Cause.HOME) in schedule.due(1.0)
    for number in range(300, 320):
        schedule.plan(uri(number, "8.8.8.201"), 2.0, Cause.HOME)
    assert len(schedule.due(2.0)) == PER_SUBNET


def test_k47_an_address_is_not_forgotten_because_many_others_are_probed() -> None:
    """Else whoever names thousands could have one address connected to again at once."""
    schedule = ProbeSchedule("main")

    def admit(number: int, now: float) -> float:
        one = uri(1, f"11.{number >> 8 & 255}.{number & 255}.1")
        return schedule.admit(one, one.host, Cause.RUMOUR, now)

    admit(0, 0.0)
    for number in range(1, 3000):
        admit(number, 1.0)
    assert admit(0, 2.0) > 0
    for number in range(3000, 9000):
        admit(number, float(number))
    assert len(schedule._done) < 4096, "what is older than ten minutes is forgotten"


def probed_in_an_hour(host: str) -> int:
    """Return how often a host's surroundings are probed that rumours and observed relays name."""
    schedule = ProbeSchedule("main")
    for number in range(1000):
        cause = Cause.FURTHER if number % 2 else Cause.RUMOUR
        schedule.plan(uri(number, host.format(number % 250)), 0.0, cause)
    return len(drain(schedule, 3600.0))


def test_k47_a_further_address_counts_with_what_others_tell() -> None:
    """Who was observed somewhere has no more connections made to a victim than anybody else."""
    assert probed_in_an_hour("8.8.8.8") <= 3600 / SAME_ADDRESS_SECONDS + 1
    assert probed_in_an_hour("8.8.8.{}") <= 61 * PER_SUBNET


def test_k47_control_counted_apart_a_victim_is_connected_to_more_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Cause, "is_told", property(lambda cause: cause is Cause.RUMOUR))
    assert probed_in_an_hour("8.8.8.8") > 3600 / SAME_ADDRESS_SECONDS + 1
    assert probed_in_an_hour("8.8.8.{}") > 61 * PER_SUBNET
