"""The sentence names what paths cannot avoid, and the way out; no rule is without words."""

from typing import get_args

from zentalk.node.packets.relaxed_rules import few_note, note
from zentalk.onion.path import Rule


def test_a_network_that_is_large_enough_has_no_note() -> None:
    assert note(10, frozenset()) is None


def test_the_note_is_a_sentence_with_a_way_out() -> None:
    assert note(3, {"avoid"}) == (
        "with 3 relays a path cannot avoid every relay it should; add relays for full protection"
    )
    both = note(6, {"family", "subnet"})
    assert both is not None
    assert "two relays of one address range or two relays of one operator;" in both


def test_every_rule_has_its_words() -> None:
    rules: tuple[Rule, ...] = get_args(Rule)
    notes = {note(4, {rule}) for rule in rules}
    assert None not in notes
    assert len(notes) == len(rules)


def test_fewer_relays_than_a_path_has_and_just_as_many_are_told_apart() -> None:
    assert few_note(2) == "only 2 relays are known; at least 3 are needed"
    assert few_note(3) == "paths pass all 3 relays, so nothing leaves while one is down; add relays"
    assert few_note(4) is None
