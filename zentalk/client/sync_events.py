"""The event log for a program that blocks, over as many connections as it takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import closing

from zentalk.client.following import Following
from zentalk.errors import ZentalkError
from zentalk.rest.events import Event

Open = Callable[[int, Callable[[], None]], Generator[Event, None, None]]
Page = Callable[[int, int], list[Event]]


def follow(following: Following, open_stream: Open, page: Page) -> Generator[Event, None, None]:
    """Yield events as they happen; raises what `EventFollower` raises."""

    def connected() -> None:
        if last := following.last_seq:
            following.check_log(page(last - 1, 1))
        following.connected(now())

    while True:
        failure: ZentalkError | None = None
        try:
            with closing(open_stream(following.last_seq, connected)) as events:
                for event in events:
                    if following.is_new(event, now()):
                        yield event
        except ZentalkError as error:
            failure = error
        time.sleep(following.wait_after(failure, now()))  # noqa: TID251 - this client blocks


def now() -> float:
    """Return a clock that never steps, in seconds."""
    return time.monotonic()  # noqa: TID251 - the edge
