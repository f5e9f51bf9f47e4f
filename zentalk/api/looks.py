"""Names as they are to be shown beside those of the owner's contacts and groups.

Others choose how they, their groups and the people on their cards are called. Of names that look
alike the owner's contacts keep theirs; see `zentalk.chat.names`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from zentalk.api.facade import NodeFacade
from zentalk.chat.names import Named, ShownName, look_beside, take
from zentalk.rest.messages import Message, Messages
from zentalk.store.history.models import StoredMessage
from zentalk.wire.chat import CARD


class Looks:
    """How everybody is shown whom the owner knows, and what would pass for one of them."""

    def __init__(self, known: Sequence[Named]) -> None:
        self._taken: dict[str, str] = {}
        self._shown = {one: take(one, self._taken) for one in known}

    def of(self, address: str, name: str) -> ShownName:
        """Return how somebody is shown under a name, which need not be what the owner chose."""
        one = Named(address, name)
        return self._shown.get(one) or look_beside(one, self._taken)

    def fields(self, address: str, name: str) -> dict[str, str]:
        """Return the same as two fields of an answer."""
        look = self.of(address, name)
        return {"shown_name": look.name, "looks_like": look.looks_like}


async def looks_of(node: NodeFacade) -> Looks:
    """Return how names are shown now; they are compared anew once something was committed."""

    async def made() -> Looks:
        return Looks(await node.names())

    return await node.since_commit.get("looks", made)


async def shown_messages(node: NodeFacade, page: Iterable[StoredMessage]) -> Messages:
    """Return a page of messages, with the names on contact cards as they are to be shown."""
    shown = Messages.model_validate({"messages": page})
    await name_cards(node, shown.messages)
    return shown


async def name_cards(node: NodeFacade, shown: Iterable[Message]) -> None:
    """Put beside the names on contact cards how they are to be shown."""
    cards = [one.body for one in shown if one.kind == CARD and one.body is not None]
    if not cards:
        return
    looks = await looks_of(node)
    for card in cards:
        card.update(looks.fields(card["address"], card["name"]))
