"""At the first: sends its replica what has changed here, and does what was written there.

Pages leave after the commit that made them known, in contents that the outbox keeps until the
replica has saved them. It must never send to anybody but the one linked node, and never more
than `FeedWindow` allows.
"""

from __future__ import annotations

from functools import partial
from typing import Final, NamedTuple

import trio

from zentalk.errors import DecodeError, StorageError, ZentalkError
from zentalk.ids import UserAddress
from zentalk.linked.feed_window import FeedWindow
from zentalk.net.runtime import Runtime
from zentalk.net.signal import Signal
from zentalk.node.delivery.outbox import Outbox
from zentalk.node.linked.owner_writes import OwnerWrites
from zentalk.node.messages.compose import Composer
from zentalk.node.messages.effects import NO_EFFECTS, CommitEffects
from zentalk.node.messages.linked import syncing
from zentalk.store.history import contacts, feed, links, pending
from zentalk.store.history import outbox as stored
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.links import LinkRole, LinkRow
from zentalk.store.history.pending import PendingWrite
from zentalk.store.retry import until_stored
from zentalk.store.sqlite import Transaction, savepoint
from zentalk.wire.content import Content, decode_content
from zentalk.wire.sync import (
    CHUNK_BYTES,
    MAX_REASON_BYTES,
    PAGE_ID_BYTES,
    SYNC,
    Chunk,
    Have,
    SyncBody,
    Write,
    WriteAnswer,
    decode_sync,
    encode_sync,
)

SETTLE_SECONDS: Final = 0.25
"""What changes within this time goes out in one page."""
STEP_SECONDS: Final = 0.01
"""The pause between two steps of what a link that began or ended has left to do."""
LOOK_SECONDS: Final = 60.0
"""How often it is looked whether pages were lost."""
TAKEN_AT_ONCE: Final = 16
"""How much of what the replica has said is done in one transaction: each write is encrypted."""


class _Done(NamedTuple):
    """What a job has taken in: the replica's last word, if it spoke, and what is to be sent."""

    have: Have | None = None
    effects: CommitEffects = NO_EFFECTS


class Feeder:
    """Feeds one replica. `run` must be running."""

    def __init__(
        self,
        runtime: Runtime,
        database: HistoryDatabase,
        composer: Composer,
        outbox: Outbox,
        writes: OwnerWrites,
    ) -> None:
        self._runtime = runtime
        self._database = database
        self._composer = composer
        self._outbox = outbox
        self._writes = writes
        self._windows: dict[bytes, FeedWindow] = {}
        self.opened = Signal()
        """Is to be set when a code for a replica was made."""
        self.changed = Signal()
        """Is set with each commit while there is a link: there may be something to do."""

    async def run(self) -> None:
        """Send what has changed, until cancelled."""
        await until_stored(partial(self._database.write, self._arm))
        await self._adopt()
        while True:
            # A step at a time, and a pause after it: the owner's own writes come in between.
            has_more = await until_stored(self._step)
            found = await until_stored(partial(self._database.read, links.every))
            if found:
                # From here on a commit may bring a replica, or something for it.
                self._database.tail.on_commit = self.changed.set
            for link in found:
                if link.address is not None and link.role is LinkRole.REPLICA:
                    await until_stored(partial(self._serve, link))
            await until_stored(self._confirm)
            if not found and not has_more:
                self._database.tail.on_commit = None
                await self.opened.wait()
                continue
            if has_more:
                await trio.sleep(STEP_SECONDS)
            elif await self.changed.wait(LOOK_SECONDS):
                await trio.sleep(SETTLE_SECONDS)

    async def _step(self) -> bool:
        """Do a little of what a link that began or ended has left to do; False if nothing is."""
        if not await self._database.read(feed.has_steps):
            return False
        await self._database.write(feed.step)
        return True

    async def _confirm(self) -> None:
        """Confirm what waited for the replica and is there, or waits for none any more."""
        while await self._database.read(syncing.is_due):
            now = self._runtime.wall()
            job = partial(syncing.release, composer=self._composer, now=now)
            await self._outbox.carry_out(await self._database.write(job))

    def _arm(self, tx: Transaction) -> None:
        """Note changes of tables that are new since the link was made, too."""
        if links.linked(tx, LinkRole.REPLICA) is not None:
            feed.arm(tx)

    async def _adopt(self) -> None:
        """Do what was written here while this node was a replica, and was not placed."""
        for write in await until_stored(partial(self._database.read, pending.every)):

            def job(tx: Transaction, write: PendingWrite = write) -> CommitEffects:
                pending.remove(tx, write.id)
                return self._try(tx, write.contact, write.content)[0]

            await self._outbox.carry_out(await until_stored(partial(self._database.write, job)))

    async def _serve(self, link: LinkRow) -> None:
        """Take in what the replica says, and send what it lacks; raises StorageError."""
        window = self._windows.setdefault(link.feed, FeedWindow(link.acked))
        now = self._runtime.wall()
        if await self._database.read(links.inbox_count):
            done = await self._database.write(partial(self._take_in, link, now))
            if done.have is not None:
                window.heard(_number(done.have, link), done.have.stamp, now)
            await self._outbox.carry_out(done.effects)
        assert link.address is not None
        if not await self._database.read(partial(stored.has_items, contact=link.address)):
            window.nothing_under_way(now)
        while window.has_room() and await self._database.read(feed.noted) > window.sent:
            upto, effects = await self._database.write(partial(self._page, link, window.sent, now))
            if upto == window.sent:
                return
            window.page_sent(upto, now)
            await self._outbox.carry_out(effects)

    def _take_in(self, link: LinkRow, now: float, tx: Transaction) -> _Done:
        last: Have | None = None
        effects: list[CommitEffects] = []
        for number, raw in links.inbox(tx, limit=TAKEN_AT_ONCE):
            links.drop_inbox(tx, [number])
            body = _body(raw)
            if isinstance(body, Have) and (last is None or body.stamp > last.stamp):
                last = body
            elif isinstance(body, Write):
                effects.append(self._write(tx, link, body, now))
        if last is not None and _number(last, link) <= feed.head(tx):
            links.heard(tx, link.id, _number(last, link), now)
        return _Done(last, CommitEffects.together(effects))

    def _write(self, tx: Transaction, link: LinkRow, write: Write, now: float) -> CommitEffects:
        """Do what the owner wrote at the replica, and say what became of it."""
        effects, reason = self._try(tx, write.contact, write.content)
        answer = WriteAnswer(write.request, feed.head(tx), reason)
        return CommitEffects.together([effects, self._send(tx, link, answer, now)])

    def _try(
        self, tx: Transaction, contact: UserAddress, content: bytes
    ) -> tuple[CommitEffects, str]:
        """Do what the owner wrote elsewhere; return why not, if it cannot be done."""
        try:
            with savepoint(tx):
                now = self._runtime.wall()
                return self._writes.carry_out(tx, contact, content, now), ""
        except StorageError:
            raise
        except ZentalkError as error:
            return NO_EFFECTS, str(error).encode()[:MAX_REASON_BYTES].decode(errors="ignore")

    def _page(
        self, link: LinkRow, after: int, now: float, tx: Transaction
    ) -> tuple[int, CommitEffects]:
        """Put the next page into the outbox; return where it ends."""
        page = feed.page(tx, after)
        name = self._runtime.entropy(PAGE_ID_BYTES)
        pieces = [page.rows[at : at + CHUNK_BYTES] for at in range(0, len(page.rows), CHUNK_BYTES)]
        chunks = [
            Chunk(link.feed, name, after, page.upto, feed.SCHEMA, place, len(pieces), piece)
            for place, piece in enumerate(pieces)
        ]
        sent = [self._send(tx, link, chunk, now) for chunk in chunks]
        return page.upto, CommitEffects.together(sent)

    def _send(self, tx: Transaction, link: LinkRow, body: SyncBody, now: float) -> CommitEffects:
        assert link.address is not None
        row = contacts.get(tx, link.address)
        if row is None or not row.is_link:
            return NO_EFFECTS
        content = Content(
            kind=SYNC, message_id=self._composer.new_message_id(), raw_body=encode_sync(body)
        )
        return self._composer.send(tx, row, content, now)


def _number(have: Have, link: LinkRow) -> int:
    """Return up to where a replica has this feed: of another one it has nothing."""
    return have.number if have.feed == link.feed else 0


def _body(raw: bytes) -> SyncBody | None:
    try:
        return decode_sync(decode_content(raw).raw_body)
    except DecodeError:
        return None  # it was well formed when it came; whatever it is, it must not end the task
