"""At the replica: brings pages into its copy of the history, and what is written here to the first.

The link has a database of its own (`database`), with the identity that only the first knows; the
copy (`copy`) holds nothing but what the first has sent, row for row. Numbers are noted in the same
transaction as the rows, so a page that comes again changes nothing.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from zentalk.errors import RemoteProtocolError, StorageError
from zentalk.ids import MESSAGE_ID_BYTES, MessageId, UserAddress
from zentalk.linked.page_joiner import JoinedPage, PageJoiner
from zentalk.net.runtime import Runtime
from zentalk.net.signal import Signal
from zentalk.node.delivery.outbox import Outbox
from zentalk.node.messages.compose import Composer
from zentalk.node.messages.effects import NO_EFFECTS, CommitEffects
from zentalk.store.history import contacts, feed, links, pending, settings
from zentalk.store.history import outbox as stored
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.links import LinkRole
from zentalk.store.history.pending import PendingWrite
from zentalk.store.retry import until_stored
from zentalk.store.sqlite import Transaction
from zentalk.wire.content import Content, decode_content, encode_content
from zentalk.wire.sync import (
    SYNC,
    Chunk,
    Have,
    SyncBody,
    Write,
    WriteAnswer,
    decode_rows,
    decode_sync,
    encode_sync,
)

SAY_SECONDS: Final = 1_800.0
"""How often the first is told what is here although nothing has come."""
RETRY_SECONDS: Final = 60.0
OLDER: Final = (
    "the node that this one follows is of a newer version of zentalk: upgrade this one, or it"
    " cannot go on following"
)
DAMAGED: Final = "a page of the history that came from the first could not be taken in: link again"
_SAID: Final = "sync-have"
"""The stamp 8 of what the first was told last, and the id 16 of the content that told it."""


class Follower:
    """Follows one first. `run` must be running."""

    def __init__(
        self,
        runtime: Runtime,
        database: HistoryDatabase,
        copy: HistoryDatabase,
        composer: Composer,
        outbox: Outbox,
    ) -> None:
        self._runtime = runtime
        self._database = database
        self._copy = copy
        self._composer = composer
        self._outbox = outbox
        self._joiner = PageJoiner()
        self._read_up_to = 0
        self.changed = Signal()
        """Is to be set with each commit: something may have come, or be to send."""
        self.trouble = ""
        """Why the copy does not follow; empty if it does."""
        self.heard_at: float | None = None
        """When something came of the first last, in this life."""

    async def run(self) -> None:
        """Take in what comes, until cancelled."""
        said_at = float("-inf")
        await until_stored(self._send_pending)
        while True:
            moved = await until_stored(self._take_in)
            if moved or self._runtime.monotonic() >= said_at + SAY_SECONDS:
                said_at = self._runtime.monotonic()
                await until_stored(self._say)
            await self.changed.wait(RETRY_SECONDS if self.trouble else SAY_SECONDS)

    async def write(self, contact: UserAddress, content: Content) -> PendingWrite:
        """Keep what the owner wrote here, and send it to the first; raises StorageError."""
        write = PendingWrite(
            content.message_id, contact, encode_content(content), self._runtime.wall()
        )
        await self._outbox.carry_out(await self._database.write(partial(self._pend, write)))
        return write

    async def pending(self) -> list[PendingWrite]:
        """Return what was written here and is not in the copy yet."""
        return await self._database.read(pending.every)

    async def forget(self, request: MessageId) -> bool:
        """Forget what was written here; False if it is not pending."""
        return await self._database.write(partial(pending.remove, request=request))

    def _pend(self, write: PendingWrite, tx: Transaction) -> CommitEffects:
        pending.add(tx, write)
        return self._send(tx, Write(write.id, write.contact, write.content))[1]

    async def _send_pending(self) -> None:
        """Send what was not placed once more: the first knows it by its id."""

        def job(tx: Transaction) -> CommitEffects:
            writes = [one for one in pending.every(tx) if not one.reason and not one.placed_at]
            sent = [self._send(tx, Write(one.id, one.contact, one.content)) for one in writes]
            return CommitEffects.together(effects for _, effects in sent)

        await self._outbox.carry_out(await self._database.write(job))

    async def _take_in(self) -> bool:
        """Bring what has come into the copy; True if it has moved. Raises StorageError."""
        fresh = await self._database.read(partial(links.inbox, after=self._read_up_to))
        if fresh:
            self.heard_at = self._runtime.wall()
        done: set[int] = set()
        answers: list[WriteAnswer] = []
        for place, raw in fresh:
            self._read_up_to = place
            body = decode_sync(decode_content(raw).raw_body)
            if isinstance(body, Chunk):
                self.trouble = OLDER if body.schema > feed.SCHEMA else self.trouble
                done |= self._joiner.add(place, body)
            else:
                done.add(place)
                answers += [body] if isinstance(body, WriteAnswer) else []
        name, number = await self._copy.read(feed.cursor)
        before = number
        while self.trouble != OLDER and (page := self._joiner.take(name, number)) is not None:
            if not await self._apply(page):
                break
            name, number = page.feed, page.upto
            done |= page.places
        done |= self._joiner.drop_known(name, number)
        if done or answers:
            await self._database.write(partial(self._settle, done, answers, number))
        return number != before

    async def _apply(self, page: JoinedPage) -> bool:
        """Make the copy what it is at the first; False if the page cannot be taken in."""

        def forget(tx: Transaction) -> bool:
            return feed.cursor(tx)[0] not in (b"", page.feed) and feed.reset(tx)

        def job(tx: Transaction) -> None:
            feed.apply(tx, decode_rows(page.rows))
            feed.set_cursor(tx, page.feed, page.upto)

        try:
            # The copy counts as one of the feed before until nothing of that is left.
            while await self._copy.write_frozen(forget):
                pass
            await self._copy.write_frozen(job)
        except (RemoteProtocolError, StorageError) as error:
            self.trouble = error.public if isinstance(error, StorageError) else DAMAGED
            return False
        self.trouble = ""
        return True

    def _settle(
        self, done: set[int], answers: list[WriteAnswer], number: int, tx: Transaction
    ) -> None:
        links.drop_inbox(tx, done)
        for answer in answers:
            pending.answered(tx, answer.request, answer.number, answer.reason)
        pending.drop_placed(tx, number)

    async def _say(self) -> None:
        """Tell the first what is here; what told it before, and waits, is dropped."""
        name, number = await self._copy.read(feed.cursor)

        def job(tx: Transaction) -> CommitEffects:
            said = settings.get(tx, _SAID) or bytes(8 + MESSAGE_ID_BYTES)
            first = links.linked(tx, LinkRole.FIRST)
            if first is None or first.address is None:
                return NO_EFFECTS
            earlier = MessageId(said[8:])
            dropped = CommitEffects(
                dropped=tuple(stored.remove_message(tx, first.address, earlier))
            )
            stamp = max(int.from_bytes(said[:8], "big") + 1, int(self._runtime.wall() * 1000))
            message_id, sent = self._send(tx, Have(name, number, feed.SCHEMA, stamp))
            settings.put(tx, _SAID, stamp.to_bytes(8, "big") + message_id)
            return CommitEffects.together([dropped, sent])

        await self._outbox.carry_out(await self._database.write(job))

    def _send(self, tx: Transaction, body: SyncBody) -> tuple[MessageId, CommitEffects]:
        message_id, first = self._composer.new_message_id(), links.linked(tx, LinkRole.FIRST)
        row = None if first is None or first.address is None else contacts.get(tx, first.address)
        if row is None:
            return message_id, NO_EFFECTS
        content = Content(kind=SYNC, message_id=message_id, raw_body=encode_sync(body))
        return message_id, self._composer.send(tx, row, content, self._runtime.wall())
