"""Groups of a node without a network; real ones are in tests/api/test_group_routes.py."""

from __future__ import annotations

from dataclasses import dataclass, field

from zentalk.errors import NotFoundError
from zentalk.ids import GroupId, UserAddress
from zentalk.node.messages.groups.book import NO_GROUP
from zentalk.store.history.groups import GroupRow, GroupStanding
from zentalk.wire.text import format_address


@dataclass
class FakeGroups:
    rows: list[GroupRow] = field(default_factory=list)

    def put(
        self,
        group: UserAddress,
        name: str,
        stands: GroupStanding = GroupStanding.JOINED,
        members: tuple[UserAddress, ...] = (),
    ) -> str:
        """Add a group of these members, and return its id as text."""
        people = [
            {"address": format_address(each), "role": "member", "status": "joined"}
            for each in members
        ]
        view = {
            "kind": "group",
            "name": name,
            "description": "",
            "picture": "",
            "posting": "members",
            "successor": "",
            "continues": "",
            "full": False,
            "founderless": False,
            "members": people,
            "conflicts": [],
            "tickets": [],
        }
        self.rows.append(GroupRow(GroupId(group), stands, None, 1000.0, view))
        return format_address(group)

    async def every(self) -> list[GroupRow]:
        return self.rows

    async def get(self, group: GroupId) -> GroupRow:
        for row in self.rows:
            if row.id == group:
                return row
        raise NotFoundError(NO_GROUP)
