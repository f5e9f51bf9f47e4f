"""How often a node replaces mailboxes by itself: less and less."""

from __future__ import annotations

from zentalk.ids import DAY_SECONDS
from zentalk.node.mailboxes.replacements import (
    ALONE_SECONDS,
    REPLACE_AFTER_SECONDS,
    WORKS_SECONDS,
    Replacements,
)


def replacements_in(seconds: float, replacements: Replacements) -> int:
    """Count how often the mailbox of one slot is replaced if none of them ever works."""
    passed, count = 0.0, 0
    while (passed := passed + replacements.after_seconds(0)) <= seconds:
        replacements.replaced(0)
        count += 1
    return count


def test_k53_a_day_in_which_no_relay_works_costs_seven_mailboxes() -> None:
    assert replacements_in(DAY_SECONDS, Replacements()) == 7


def test_k53_control_without_back_off_it_would_be_one_every_ten_minutes() -> None:
    class Hasty(Replacements):
        def replaced(self, slot: int) -> None:
            """Forget it."""

    assert replacements_in(DAY_SECONDS, Hasty()) == 144


def test_k53_a_month_costs_as_many_as_may_be_polled_and_a_few() -> None:
    assert replacements_in(10 * DAY_SECONDS, Replacements()) <= 18


def test_each_slot_has_its_own_patience_and_an_hour_that_works_restores_it() -> None:
    replacements = Replacements()
    replacements.replaced(0)
    replacements.replaced(0)
    assert replacements.after_seconds(0) == 4 * REPLACE_AFTER_SECONDS
    assert replacements.alone_seconds(0) == 4 * ALONE_SECONDS
    assert replacements.after_seconds(1) == REPLACE_AFTER_SECONDS
    replacements.served(0, WORKS_SECONDS - 1)
    assert replacements.after_seconds(0) == 4 * REPLACE_AFTER_SECONDS
    replacements.served(0, WORKS_SECONDS)
    assert replacements.after_seconds(0) == REPLACE_AFTER_SECONDS
