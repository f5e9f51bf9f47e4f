"""Signals hold for a while, and go seldom and only to people who are there."""

from __future__ import annotations

from zentalk.chat.signals import (
    BEAT_SECONDS,
    HEARD_SECONDS,
    MAX_A_MINUTE,
    PRESENCE_SECONDS,
    TYPING_SECONDS,
    SignalGate,
    Signals,
)
from zentalk.ids import UserAddress

BOB, CAROL = UserAddress(b"b" * 32), UserAddress(b"c" * 32)


def test_a_signal_goes_only_to_somebody_who_was_just_heard() -> None:
    gate = SignalGate()
    assert not gate.may_send(BOB, "typing", 0.0)
    gate.heard(BOB, 0.0)
    assert gate.may_send(BOB, "typing", HEARD_SECONDS - 1)
    assert not gate.may_send(CAROL, "typing", 1.0)
    assert not gate.may_send(BOB, "typing", HEARD_SECONDS)


def test_at_most_two_of_a_kind_go_in_a_minute() -> None:
    gate, sent = SignalGate(), 0
    for second in range(120):
        gate.heard(BOB, float(second))
        sent += gate.may_send(BOB, "typing", float(second))
    assert sent == 2 * MAX_A_MINUTE
    assert gate.may_send(BOB, "presence", 119.0)


def test_a_beat_fits_what_may_be_sent_and_reaches_before_presence_ends() -> None:
    gate = SignalGate()
    for beat in range(10):
        gate.heard(BOB, beat * BEAT_SECONDS)
        assert gate.may_send(BOB, "presence", beat * BEAT_SECONDS)
    assert BEAT_SECONDS < PRESENCE_SECONDS


def test_what_is_over_is_forgotten() -> None:
    gate = SignalGate()
    gate.heard(BOB, 0.0)
    assert gate.may_send(BOB, "typing", 0.0)
    gate.forget_old(100.0)
    assert not gate._heard
    assert not gate._sent


def test_e5_typing_ends_after_five_seconds_and_e3_presence_after_sixty() -> None:
    signals = Signals()
    assert signals.typing(BOB, is_typing=True, now=0.0)
    assert not signals.typing(BOB, is_typing=True, now=1.0)
    assert signals.presence(BOB, online=True, now=0.0)
    assert signals.next_expiry() == 1.0 + TYPING_SECONDS
    assert signals.expire(1.0 + TYPING_SECONDS) == ([BOB], [])
    assert signals.all_typing() == []
    assert signals.all_there() == [BOB]
    assert signals.expire(PRESENCE_SECONDS) == ([], [BOB])
    assert signals.next_expiry() is None


def test_who_says_that_it_is_over_is_believed_at_once() -> None:
    signals = Signals()
    signals.typing(BOB, is_typing=True, now=0.0)
    assert signals.typing(BOB, is_typing=False, now=1.0)
    assert not signals.typing(BOB, is_typing=False, now=1.0)
    assert not signals.presence(BOB, online=False, now=1.0)
