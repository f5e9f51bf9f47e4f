"""The classes of events about owner, node and devices; `typed_events` has the table of all."""

from __future__ import annotations

from zentalk.rest.conversations import OwnPrivacy, ShownProfile
from zentalk.rest.event_bodies import (
    ChangedDeviceBody,
    ChangedLinkBody,
    ChangedPushBody,
    ChangedWebhookBody,
    NoteBody,
)
from zentalk.rest.events import Event


class ProfileChanged(Event):
    """`profile.changed`: the owner is shown to contacts in another way."""

    @property
    def profile(self) -> ShownProfile:
        """The owner's profile as contacts are shown it now."""
        return ShownProfile.model_validate(self.data)


class PrivacyChanged(Event):
    """`privacy.changed`: others are told other things of the owner."""

    @property
    def privacy(self) -> OwnPrivacy:
        """What they are told now."""
        return OwnPrivacy.model_validate(self.data)


class NoteEvent(Event):
    """A warning to the owner."""

    @property
    def note(self) -> str:
        """What happened and what to do, as a sentence."""
        return NoteBody.model_validate(self.data).note


class NodeCopied(NoteEvent):
    """`node.copied`: another program collects this node's mail, on a copy of its folder."""


class NodeOutdone(NoteEvent):
    """`node.outdone`: another node of the owner was promoted, and this one is silent."""


class NodePromoted(NoteEvent):
    """`node.promoted`: this node speaks for the owner's address now."""


class RecoveryChanged(NoteEvent):
    """`recovery.changed`: the recovery phrase was made anew."""


class LinkEvent(Event):
    """An event about a link to another node of the owner."""

    @property
    def link_id(self) -> str:
        """The id of the link."""
        return ChangedLinkBody.model_validate(self.data).id


class LinkAdded(LinkEvent):
    """`link.added`: this node and another one of the owner are linked."""


class LinkRemoved(LinkEvent):
    """`link.removed`: they are so no more."""


class DeviceEvent(Event):
    """An event about a device."""

    @property
    def device_id(self) -> str:
        """The id of the device."""
        return ChangedDeviceBody.model_validate(self.data).id

    @property
    def name(self) -> str:
        """What the owner called it."""
        return ChangedDeviceBody.model_validate(self.data).name

    @property
    def scope(self) -> str:
        """What its token opens or opened; empty in events that are older than scopes."""
        return ChangedDeviceBody.model_validate(self.data).scope


class DeviceAdded(DeviceEvent):
    """`device.added`: a device got a token."""


class DeviceRevoked(DeviceEvent):
    """`device.revoked`: a device's token stopped working."""


class WebhookEvent(Event):
    """An event about a webhook."""

    @property
    def webhook_id(self) -> str:
        """The id of the webhook."""
        return ChangedWebhookBody.model_validate(self.data).id

    @property
    def host(self) -> str:
        """The host of its URL, whose rest may be a secret."""
        return ChangedWebhookBody.model_validate(self.data).host


class WebhookAdded(WebhookEvent):
    """`webhook.added`: another program is told of events."""


class WebhookRemoved(WebhookEvent):
    """`webhook.removed`: a program is told nothing more."""


class PushEvent(Event):
    """An event about the push endpoint of a device."""

    @property
    def device_id(self) -> str:
        """The id of the device."""
        return ChangedPushBody.model_validate(self.data).id

    @property
    def host(self) -> str:
        """The host of its endpoint, whose rest is a secret."""
        return ChangedPushBody.model_validate(self.data).host


class PushAdded(PushEvent):
    """`push.added`: a device is woken through a push server."""


class PushRemoved(PushEvent):
    """`push.removed`: a device is woken no more, as it or the owner wished."""


class PushStopped(PushEvent):
    """`push.stopped`: the node gave up waking a device."""

    @property
    def reason(self) -> str:
        """Why nothing is sent to it any more."""
        return ChangedPushBody.model_validate(self.data).reason
