"""The node on a replica's folder: REST over the copy of the history, and the link to the first.

It is an ordinary node for its own identity, which nobody but the first knows. What is written here
goes to the first and is pending until it comes back as a row of the copy. It must never write to
the copy, nor show as sent what the first has not placed.
"""

from __future__ import annotations

from contextlib import closing, suppress
from typing import Final

import trio

from zentalk.chat.kinds import KindRole, role_of
from zentalk.chat.views import line_of
from zentalk.config.settings import ApiSettings
from zentalk.errors import NotFoundError
from zentalk.ids import DAY_SECONDS, UserAddress
from zentalk.net.runtime import Runtime
from zentalk.net.transport import Network
from zentalk.node.conversations.actions import parse_message_id
from zentalk.node.linked.follower import Follower
from zentalk.node.linked.parts import HistoryCopy
from zentalk.node.linked.replica_actions import READ_ONLY, ReplicaActions, id_of
from zentalk.node.messages.commands import Draft, check_key, check_message
from zentalk.node.messages.first_contact import linking
from zentalk.node.node import Node
from zentalk.node.replica.invitation import linked_folder, load_invitation
from zentalk.node.wiring import DATABASE_NAME
from zentalk.store.history import search
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.links import LinkRole, LinkRow
from zentalk.store.history.models import Direction, MessageState, RequestKey, StoredMessage
from zentalk.store.history.pending import PendingWrite
from zentalk.store.history.schema import MIGRATIONS
from zentalk.store.retry import until_stored
from zentalk.store.sqlite import open_database, transaction
from zentalk.wire.content import decode_content
from zentalk.wire.invite import InviteLink
from zentalk.wire.message_link import MessageLink
from zentalk.wire.text import format_address

SWEEP_SECONDS: Final = DAY_SECONDS / 24


class ReplicaNode(Node):
    """One replica over `settings.directory`; raises as `Node` does."""

    def __init__(self, settings: ApiSettings, runtime: Runtime, network: Network) -> None:
        invitation = load_invitation(settings.directory)
        folder = linked_folder(settings.directory)
        inner = settings.model_copy(update={"directory": folder})
        _begin(inner, runtime, invitation)
        self._copy = HistoryDatabase(settings.directory / DATABASE_NAME, runtime.run_blocking)
        self._copy.frozen = READ_ONLY
        super().__init__(inner, runtime, network, HistoryCopy(self._copy, invitation.address))
        self.address_text = format_address(invitation.address)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run until `stop` or cancelled; started once the local state is loaded."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._copy.run)
                nursery.start_soon(self._sweep)
                await super().run(task_status=task_status)
                nursery.cancel_scope.cancel()
        finally:
            self._copy.close()

    async def send(
        self, address: UserAddress, draft: Draft, idempotency_key: RequestKey | None = None
    ) -> StoredMessage:
        """Send a message to the first, which sends it on; return it as pending.

        The same key gives the same message again. Raises as `Node.send` does.
        """
        check_message(address, self.address, draft, idempotency_key)
        actions = self.chat
        assert isinstance(actions, ReplicaActions)
        return self._shown(await actions.say(address, draft, idempotency_key))

    async def sent_before(
        self,
        address: UserAddress,
        asked: bytes,  # noqa: ARG002 - here one key makes one message, whatever it asked for
        idempotency_key: RequestKey | None,
    ) -> StoredMessage | None:
        """Return what a request with the same key has sent."""
        if idempotency_key is None:
            return None
        check_key(idempotency_key)
        with suppress(NotFoundError):
            return await self.message(id_of(idempotency_key).hex(), address)
        return None

    async def linked_message(self, link: MessageLink) -> StoredMessage:
        """Return the message that a link is of, also one that is pending; raises NotFoundError."""
        try:
            return await super().linked_message(link)
        except NotFoundError:
            for line in await self.pending():
                if line.id == link.message_id and link.author == self.address:
                    return line
            raise

    async def messages(
        self, address: UserAddress, before: int | None = None, limit: int = 100
    ) -> list[StoredMessage]:
        """Return a page of a conversation, newest last; what is pending follows the newest."""
        page = await super().messages(address, before, limit)
        return page if before is not None else [*page, *await self.pending(address)]

    async def message(
        self, message_id: str, conversation: UserAddress | None = None
    ) -> StoredMessage:
        """Return one message, also one that is pending; raises NotFoundError."""
        try:
            return await super().message(message_id, conversation)
        except NotFoundError:
            raw = parse_message_id(message_id)
            for line in await self.pending(conversation):
                if line.id == raw.hex():
                    return line
            raise

    async def pending(self, conversation: UserAddress | None = None) -> list[StoredMessage]:
        """Return the messages that were written here and have no place yet, the oldest first."""
        found = []
        for write in await self._follower.pending():
            is_line = role_of(decode_content(write.content).kind) is KindRole.LINE
            if is_line and conversation in (None, write.contact):
                found.append(self._shown(write))
        return found

    @property
    def _follower(self) -> Follower:
        follower = self._devices.linked.follower
        assert follower is not None
        return follower

    def _shown(self, write: PendingWrite) -> StoredMessage:
        """Return what is pending as a message; its place is 0, as it has none."""
        content = decode_content(write.content)
        return StoredMessage(
            id=write.id.hex(),
            seq=0,
            conversation=format_address(write.contact),
            direction=Direction.OUT,
            kind=content.kind,
            text=content.text or line_of(content.body),
            state=MessageState.FAILED if write.reason else MessageState.PENDING,
            reason=write.reason,
            sent_at=write.written_at,
            author=self.address_text,
            forwarded=content.about.forwarded,
        )

    async def _sweep(self) -> None:
        """Let nothing that the first has deleted stay in the file of the copy."""
        while True:
            await trio.sleep(SWEEP_SECONDS)
            await until_stored(lambda: self._copy.write_frozen(search.scrub))


def _begin(settings: ApiSettings, runtime: Runtime, invitation: InviteLink) -> None:
    """Make sure that the link's own database knows the first, and shows it the code's secret."""
    now = runtime.wall()
    link = LinkRow(
        id=runtime.entropy(8),
        role=LinkRole.FIRST,
        created_at=now,
        expires_at=now,
        address=None,
        feed=b"",
        linked_at=None,
        acked=0,
        heard_at=None,
    )
    with (
        closing(open_database(settings.directory / DATABASE_NAME, MIGRATIONS)) as connection,
        transaction(connection) as tx,
    ):
        linking.follow(tx, link, invitation.address, invitation.secret, now)
