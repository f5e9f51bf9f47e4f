"""The classes of events about people and invites; `typed_events` has the table of all."""

from __future__ import annotations

from zentalk.rest.contacts import Contact
from zentalk.rest.conversations import ShownProfile
from zentalk.rest.direct import DirectBody, PathBody, PathWord
from zentalk.rest.event_bodies import ChangedInviteBody, IntroducedBody, RemovedContactBody
from zentalk.rest.events import Event


class ContactRequested(Event):
    """`contact.requested`: somebody who is no contact wrote."""

    @property
    def address(self) -> str:
        """The address of that person, for `accept`."""
        return Contact.model_validate(self.data).address


class ContactEvent(Event):
    """An event about a whole contact."""

    @property
    def contact(self) -> Contact:
        """The contact as it was at this event."""
        return Contact.model_validate(self.data)


class ContactAdded(ContactEvent):
    """`contact.added`: by hand, or by the first message to that person."""


class ContactAccepted(ContactEvent):
    """`contact.accepted`: a request became a contact."""


class ContactRenamed(ContactEvent):
    """`contact.renamed`: a contact has a new name."""


class ContactRefused(ContactEvent):
    """`contact.refused`: a request was deleted unanswered."""


class ContactBlocked(ContactEvent):
    """`contact.blocked`: nothing of that person is kept any more."""


class ContactUnblocked(ContactEvent):
    """`contact.unblocked`: that person may write again."""


class ContactRemoved(Event):
    """`contact.removed`: a person is gone from the list, with all messages."""

    @property
    def address(self) -> str:
        """The address of that person."""
        return RemovedContactBody.model_validate(self.data).address

    @property
    def reason(self) -> str:
        """Why a request ended without you; empty if you removed it."""
        return RemovedContactBody.model_validate(self.data).reason


class ContactVerified(ContactEvent):
    """`contact.verified`: the owner has compared the safety number."""


class ContactUnverified(ContactEvent):
    """`contact.unverified`: the owner has taken the verified mark away."""


class ContactKeyChanged(ContactEvent):
    """`contact.key-changed`: the verified mark is withdrawn; the contact's `warning` says why."""


class ContactIntroduced(Event):
    """`contact.introduced`: a contact has told of somebody who is no contact yet."""

    @property
    def address(self) -> str:
        """The address of that person, for `add_contact`."""
        return IntroducedBody.model_validate(self.data).address

    @property
    def name(self) -> str:
        """What the introducer calls them; empty if that was not said."""
        return IntroducedBody.model_validate(self.data).name

    @property
    def introduced_by(self) -> str:
        """The address of the contact who introduced them."""
        return IntroducedBody.model_validate(self.data).introduced_by


class ContactDirectChanged(Event):
    """`contact.direct`: the owner or a contact allows direct connections, or not any more."""

    @property
    def address(self) -> str:
        """The address of that contact."""
        return DirectBody.model_validate(self.data).address

    @property
    def allowed(self) -> bool:
        """Whether the owner allows them."""
        return DirectBody.model_validate(self.data).allowed

    @property
    def allowed_by_them(self) -> bool:
        """Whether the contact does."""
        return DirectBody.model_validate(self.data).allowed_by_them


class ContactPathChanged(Event):
    """`contact.path`: what is sent to a contact goes directly now, or over relays."""

    @property
    def address(self) -> str:
        """The address of that contact."""
        return PathBody.model_validate(self.data).address

    @property
    def path(self) -> PathWord:
        """Either `direct` or `relay`."""
        return PathBody.model_validate(self.data).path


class ContactProfileChanged(Event):
    """`contact.profile`: a contact wants to be shown in another way."""

    @property
    def profile(self) -> ShownProfile:
        """The name, status line and picture that the contact has chosen, with its address."""
        return ShownProfile.model_validate(self.data)


class InviteEvent(Event):
    """An event about an invite."""

    @property
    def invite_id(self) -> str:
        """The id of the invite."""
        return ChangedInviteBody.model_validate(self.data).id

    @property
    def name(self) -> str:
        """For whom the owner made it; empty if that was not said."""
        return ChangedInviteBody.model_validate(self.data).name


class InviteCreated(InviteEvent):
    """`invite.created`: the owner made an invite."""


class InviteRevoked(InviteEvent):
    """`invite.revoked`: an invite lets nobody in any more."""


class InviteUsed(InviteEvent):
    """`invite.used`: somebody came by an invite."""

    @property
    def address(self) -> str:
        """The address of that person."""
        return ChangedInviteBody.model_validate(self.data).address

    @property
    def uses(self) -> int:
        """The number of people who have come by this invite."""
        return ChangedInviteBody.model_validate(self.data).uses
