"""What a node keeps of others in groups is bounded by the numbers that the specification names."""

from __future__ import annotations

from pathlib import Path

import pytest

from zentalk.ids import DAY_SECONDS
from zentalk.node.messages.conversation import forgetting
from zentalk.node.messages.groups import commands, large, receiving

SPEC = Path(__file__).parents[4] / "docs" / "spec" / "groups.md"


@pytest.mark.parametrize(
    "words",
    [
        f"at most {forgetting.MAX_UNANSWERED} groups of one inviter",
        f"Of all inviters it keeps {receiving.MAX_GROUPS};",
        f"more than {receiving.MAX_HELD_OF_ONE} contents of one author",
        f"{receiving.MAX_HELD:,} of one group",
        f"for {receiving.WAIT_SECONDS / DAY_SECONDS:.0f} days is given up",
        f"once it has signed {commands.MERGES_PER_DAY} entries",
        f"while more than {large.LARGE} people",
        f"a person is in at most {large.MAX_LARGE_GROUPS} of them",
    ],
)
def test_the_bounds_are_those_of_the_specification(words: str) -> None:
    assert words in " ".join(SPEC.read_text("utf-8").split())
