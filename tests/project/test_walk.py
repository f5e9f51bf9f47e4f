"""The way of one message, as `python -m tools.walk` prints it."""

import pytest

from tools.walk import Walk, measure

MOST_FILES = 45
MOST_MOVES = 200


@pytest.fixture(scope="module")
def walk() -> Walk:
    return measure(messages=1)


@pytest.mark.slow
def test_it_begins_with_rest_and_ends_in_the_links_queue(walk: Walk) -> None:
    first, last = walk.to_link.steps[0], walk.to_link.steps[-1]

    assert first.file.startswith(("api/", "web/"))
    assert last.how == "back"
    assert walk.to_link.steps[-2].function == "Connection.send_packet"


@pytest.mark.slow
def test_the_way_to_the_wire_goes_on_from_there(walk: Walk) -> None:
    link, wire = walk

    assert wire.steps[: len(link.steps)] == link.steps
    assert wire.files > link.files
    assert wire.moves > link.moves
    assert any(step.function == "Link.data_to_send" for step in wire.steps)
    assert not any(step.function == "Link.data_to_send" for step in link.steps)


@pytest.mark.slow
def test_whoever_follows_a_message_to_the_link_opens_few_files(walk: Walk) -> None:
    """A new file on the way of every message is worth a thought; then the bound may follow."""
    assert walk.to_link.files <= MOST_FILES
    assert walk.to_link.moves <= MOST_MOVES
