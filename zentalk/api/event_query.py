"""What a reader of the event log asks for, over whichever of its views."""

from __future__ import annotations

from typing import Annotated, Final

import trio
from pydantic import BaseModel, Field

from zentalk.api.facade import NodeFacade
from zentalk.rest.limits import MAX_EVENT_TYPES, MAX_PAGE, MAX_SEQUENCE, EventType
from zentalk.store.history.event_filter import EventFilter, EventPage

MAX_WAIT_SECONDS: Final = 25
"""Below the 30 s after which most clients and proxies give up on an answer."""


class EventQuery(BaseModel):
    """Where in the log to begin, and what is wanted of it."""

    after: int = Field(default=0, ge=0, le=MAX_SEQUENCE, description="the last `seq` you have")
    type: Annotated[list[EventType], Field(max_length=MAX_EVENT_TYPES)] = Field(
        default=[], description="only this type; `message.` is all that begin so; may be repeated"
    )
    conversation: str | None = Field(
        default=None, max_length=100, description="only events of this conversation"
    )

    def wanted(self) -> EventFilter:
        """Return which events are wanted."""
        return EventFilter(tuple(dict.fromkeys(self.type)), self.conversation)


class StreamQuery(EventQuery):
    """The log from a place on, as it grows, and whether signals come with it."""

    signals: bool = Field(
        default=False, description="also say who is writing and who is there, without a `seq`"
    )


class PageQuery(EventQuery):
    """A page of the log, and how long to wait for it."""

    limit: int = Field(default=MAX_PAGE, ge=1, description="more than 1,000 counts as 1,000")
    wait: float = Field(
        default=0, ge=0, le=MAX_WAIT_SECONDS, description="seconds to wait for a first event"
    )


async def first_page(node: NodeFacade, query: PageQuery, stopping: trio.Event) -> EventPage:
    """Return a page of the log; an empty one only once the wait is over, or the node stops."""
    wanted, limit = query.wanted(), min(query.limit, MAX_PAGE)
    page = await node.event_page(query.after, limit, wanted)
    if page.events or not query.wait:
        return page
    async with trio.open_nursery() as nursery:
        nursery.cancel_scope.deadline = trio.current_time() + query.wait
        nursery.start_soon(_cancel_on, stopping, nursery.cancel_scope)
        while not page.events:
            await node.wait_events(page.next)
            page = await node.event_page(page.next, limit, wanted)
        nursery.cancel_scope.cancel()
    return page


async def _cancel_on(stopping: trio.Event, scope: trio.CancelScope) -> None:
    await stopping.wait()
    scope.cancel()
