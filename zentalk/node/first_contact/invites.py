"""The owner's invites, as links.

The secret of an invite is derived from the identity's and the invite's id, so that the link can be
shown again although the database keeps its hash only: who copies the database can use no invite.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from zentalk.crypto.ed25519 import SigningKey
from zentalk.errors import ConfigError
from zentalk.ids import DAY_SECONDS, GroupId, UserAddress
from zentalk.net.runtime import Runtime
from zentalk.node.delivery.outbox import Outbox
from zentalk.node.messages.effects import NO_EFFECTS, CommitEffects
from zentalk.node.messages.first_contact import invites as jobs
from zentalk.node.messages.groups.commands import GroupCommands
from zentalk.node.messages.people import check_name
from zentalk.store.history import invites
from zentalk.store.history.database import HistoryDatabase
from zentalk.store.history.models import InviteState, StoredInvite
from zentalk.store.sqlite import Transaction
from zentalk.wire.invite import InviteLink, format_invite
from zentalk.wire.text import format_address, parse_address

INVITE_ID_BYTES: Final = 8
DEFAULT_LIFETIME_SECONDS: Final = 7 * DAY_SECONDS


class ShownInvite(NamedTuple):
    """An invite, its state now, and its link, which is empty once it lets nobody in."""

    invite: StoredInvite
    state: InviteState
    link: str

    def __repr__(self) -> str:
        return f"<invite, {self.state}>"


class Invites:
    """Makes, lists and revokes invites to the owner of `identity`."""

    def __init__(
        self,
        runtime: Runtime,
        identity: SigningKey,
        database: HistoryDatabase,
        outbox: Outbox,
        groups: GroupCommands,
    ) -> None:
        self._runtime = runtime
        self._identity = identity
        self._database = database
        self._outbox = outbox
        self._groups = groups

    async def create(
        self,
        name: str = "",
        *,
        max_uses: int = 1,
        lifetime_seconds: float = DEFAULT_LIFETIME_SECONDS,
        accepts: bool = True,
        group: GroupId | None = None,
    ) -> ShownInvite:
        """Make an invite for so many people and seconds; `accepts` makes them contacts at once.

        Who comes by one to a group, whose admin the owner must be, is invited to that as well.
        Raises ConfigError for a name, number or time out of bounds, ConflictError if there are
        too many or the owner may not invite, NotFoundError without such a group.
        """
        check_name(name)
        if not 1 <= max_uses <= jobs.MAX_USES:
            raise ConfigError(f"an invite may be used 1 to {jobs.MAX_USES} times")
        if not 1 <= lifetime_seconds <= jobs.MAX_LIFETIME_SECONDS:
            days = round(jobs.MAX_LIFETIME_SECONDS / DAY_SECONDS)
            raise ConfigError(f"an invite may be valid for 1 second to {days} days")
        now = self._runtime.wall()
        invite = StoredInvite(
            id=self._runtime.entropy(INVITE_ID_BYTES).hex(),
            name=name,
            accepts=accepts,
            max_uses=max_uses,
            uses=0,
            created_at=now,
            expires_at=now + lifetime_seconds,
            revoked_at=None,
            group="" if group is None else format_address(UserAddress(group)),
        )
        if group is not None and not accepts:
            raise ConfigError("an invite to a group makes a contact at once: let it accept")
        secret = self._secret(invite.id)

        def job(tx: Transaction) -> tuple[StoredInvite, CommitEffects]:
            made = jobs.create(tx, invite, jobs.ticket_hash(secret), now)
            if group is None:
                return made, NO_EFFECTS
            limits = (max_uses, invite.expires_at)
            return made, self._groups.open_link(tx, group, secret, limits, now)

        made, effects = await self._database.write(job)
        await self._outbox.carry_out(effects)
        return self._shown(made)

    async def listing(self) -> list[ShownInvite]:
        """Return open invites and those that ended in the last 30 days, oldest first."""
        return [self._shown(invite) for invite in await self._database.read(invites.every)]

    async def get(self, invite_id: str) -> ShownInvite:
        """Return one invite; raises NotFoundError."""
        raw = _id(invite_id)
        return self._shown(await self._database.read(lambda tx: jobs.find(tx, raw)))

    async def revoke(self, invite_id: str) -> None:
        """Let nobody in by an invite any more; raises NotFoundError."""
        raw, now = _id(invite_id), self._runtime.wall()

        def job(tx: Transaction) -> CommitEffects:
            invite = jobs.find(tx, raw)
            jobs.revoke(tx, raw, now)
            if not invite.group:
                return NO_EFFECTS
            group = GroupId(parse_address(invite.group))
            return self._groups.close_link(tx, group, self._secret(invite.id), now)

        await self._outbox.carry_out(await self._database.write(job))

    def _shown(self, invite: StoredInvite) -> ShownInvite:
        state = invite.state(self._runtime.wall())
        link = ""
        if state is InviteState.OPEN:
            address = UserAddress(self._identity.public)
            link = format_invite(InviteLink(address, self._secret(invite.id)))
        return ShownInvite(invite, state, link)

    def _secret(self, invite_id: str) -> bytes:
        return jobs.secret_of(self._identity, bytes.fromhex(invite_id))


def _id(text: str) -> bytes:
    """Return the bytes of an id; those of no id if it is none."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""
