"""The owner's profile: told to contacts only, end to end, and to each new one.

Names that strangers give themselves are never shown, so none of this goes to anybody else.
"""

from __future__ import annotations

from typing import Final

from zentalk.errors import ConfigError
from zentalk.ids import MESSAGE_ID_BYTES, MessageId, UserAddress
from zentalk.node.messages.compose import Composer
from zentalk.node.messages.effects import NO_EFFECTS, CommitEffects
from zentalk.store.history import contacts, events, messages, outbox, profiles
from zentalk.store.history import settings as stored
from zentalk.store.history.models import ContactRow
from zentalk.store.sqlite import Transaction
from zentalk.wire.chat import (
    MAX_NAME_BYTES,
    MAX_PICTURE_BYTES,
    MAX_STATUS_BYTES,
    PROFILE,
    Profile,
)
from zentalk.wire.content import Content

OWN: Final = UserAddress(b"")
"""Under this the owner's own profile is kept."""
_LAST: Final = "profile-message"
"""The id of the messages that tell the newest profile: those of an older one need not arrive."""


def check(name: str, status: str, avatar: bytes) -> None:
    """Refuse a profile that is too large; raises ConfigError."""
    if len(name.encode("utf-8", "replace")) > MAX_NAME_BYTES:
        raise ConfigError(f"a name may have {MAX_NAME_BYTES} bytes: choose a shorter one")
    if len(status.encode("utf-8", "replace")) > MAX_STATUS_BYTES:
        raise ConfigError(f"a status line may have {MAX_STATUS_BYTES} bytes: shorten it")
    if len(avatar) > MAX_PICTURE_BYTES:
        raise ConfigError(f"an avatar may have {MAX_PICTURE_BYTES} bytes: make it smaller")


def get(tx: Transaction) -> Profile:
    """Return the owner's profile; version 0 if none was ever set."""
    return profiles.get(tx, OWN) or Profile(0, "", "", b"")


def put(
    tx: Transaction,
    composer: Composer,
    own: UserAddress,
    wished: tuple[str, str, bytes],
    now: float,
) -> tuple[Profile, CommitEffects]:
    """Set the owner's profile and tell all contacts; the same again changes nothing.

    What tells an older version and waits is dropped.
    """
    before = get(tx)
    if (before.name, before.status, before.avatar) == wished:
        return before, NO_EFFECTS
    profile = Profile(max(before.version + 1, int(now * 1000)), *wished)
    profiles.put(tx, OWN, profile)
    events.append(tx, "profile.changed", now, profiles.view(own, profile))
    message_id = composer.new_message_id()
    earlier = MessageId(stored.get(tx, _LAST) or bytes(MESSAGE_ID_BYTES))
    stored.put(tx, _LAST, message_id)
    told = [CommitEffects(dropped=tuple(outbox.remove_everywhere(tx, earlier)))]
    for address in contacts.addresses(tx):
        row = contacts.get(tx, address)
        # Whose history was only imported here is sent nothing before it is written to.
        if row is None or not composer.has_session(tx, address):
            continue
        if messages.has_history(tx, address):
            told.append(tell(tx, composer, row, now))
    return profile, CommitEffects.together(told)


def tell(tx: Transaction, composer: Composer, row: ContactRow, now: float) -> CommitEffects:
    """Send the owner's profile to a contact that has not been sent it.

    For contacts who have answered: a request must not begin with a profile.
    """
    if not row.is_accepted or not profiles.is_due(tx, row.address):
        return NO_EFFECTS
    profile = get(tx)
    message_id = MessageId(stored.get(tx, _LAST) or composer.new_message_id())
    content = Content(kind=PROFILE, message_id=message_id, body=profile)
    profiles.set_told(tx, row.address, profile.version)
    return composer.send(tx, row, content, now)
