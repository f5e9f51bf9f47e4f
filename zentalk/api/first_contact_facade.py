"""What REST needs of a node for first contacts; `zentalk.node.first_contact` has it."""

from __future__ import annotations

from typing import Protocol

from zentalk.ids import GroupId, UserAddress
from zentalk.node.first_contact.invites import ShownInvite
from zentalk.node.first_contact.verification import SafetyNumber
from zentalk.store.history.models import StoredContact, StoredIntroduction


class InvitesFacade(Protocol):
    """The owner's invites."""

    async def create(
        self,
        name: str,
        *,
        max_uses: int,
        lifetime_seconds: float,
        accepts: bool,
        group: GroupId | None,
    ) -> ShownInvite:
        """Make an invite; raises ConfigError, NotFoundError or ConflictError."""

    async def listing(self) -> list[ShownInvite]:
        """Return open invites and those that ended lately, oldest first."""

    async def get(self, invite_id: str) -> ShownInvite:
        """Return one invite; raises NotFoundError."""

    async def revoke(self, invite_id: str) -> None:
        """Let nobody in by an invite any more; raises NotFoundError."""


class IntroductionsFacade(Protocol):
    """Introductions by the owner, and to the owner."""

    async def introduce(
        self, address: UserAddress, to: UserAddress, name: str, to_name: str
    ) -> None:
        """Tell two contacts of each other."""

    async def listing(self) -> list[StoredIntroduction]:
        """Return who was introduced and is no contact yet."""

    async def dismiss(self, address: UserAddress) -> None:
        """Forget the introductions of a person; raises NotFoundError."""


class VerificationFacade(Protocol):
    """Safety numbers and the verified mark."""

    async def safety(self, address: UserAddress) -> SafetyNumber:
        """Return the number with anybody."""

    async def verify(self, address: UserAddress, number: str | None) -> StoredContact:
        """Mark a contact as verified, by a number or by the owner's word."""

    async def withdraw(self, address: UserAddress) -> None:
        """Take the mark away."""


class FirstContactFacade(Protocol):
    """The three together."""

    @property
    def invites(self) -> InvitesFacade:
        """The owner's invites."""

    @property
    def introductions(self) -> IntroductionsFacade:
        """Introductions by the owner, and to the owner."""

    @property
    def verification(self) -> VerificationFacade:
        """Safety numbers and the verified mark."""
