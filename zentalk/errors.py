"""The one tree of errors that zentalk raises.

Every class says who has to act: our caller (`LocalProtocolError`), nobody but the
peer (`RemoteProtocolError`), the operator (`ConfigError`, `StorageError`), or time
(`TransportError`: try again). Messages say what happened, to what, and what to do
next. They must never hold a key, a plaintext, a user address or a mailbox id.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class ZentalkError(Exception):
    """Base of everything that zentalk raises on purpose."""


class LocalProtocolError(ZentalkError):
    """Our own caller used a protocol core wrongly: a bug on this side."""


class TooLargeError(LocalProtocolError):
    """Something handed to us is larger than its format allows; the message names the limit."""


class RemoteProtocolError(ZentalkError):
    """The peer sent something it must not send: it is broken or hostile."""


class DecodeError(RemoteProtocolError):
    """Bytes from outside are not a well-formed, canonical, bounded encoding."""


class NewerVersionError(DecodeError):
    """Bytes are of a version that came after this program: only a newer one can read them."""


class AuthenticationError(RemoteProtocolError):
    """A signature, tag or proof does not verify; nothing was changed."""


class HandshakeError(RemoteProtocolError):
    """The link handshake failed: another suite, version, network or key."""


class RefusedError(ZentalkError):
    """The peer understood and declined.

    `reason` is a short machine-readable word (`busy`, `full`, `rate`, `unknown`).
    """

    def __init__(self, reason: str, message: str | None = None) -> None:
        super().__init__(message or f"the peer refused: {reason}")
        self.reason = reason


class TransportError(ZentalkError):
    """A connection could not be made or was lost; the work is kept and tried again."""


class ConnectFailedError(TransportError):
    """No connection to `target` (host:port); `reason` says why."""

    def __init__(self, target: str, reason: str) -> None:
        super().__init__(f"cannot connect to {target}: {reason}")
        self.target = target
        self.reason = reason


class LinkClosedError(TransportError):
    """The link was closed while it was in use."""


class DeadlineError(TransportError):
    """The peer did not answer in time."""


class StrangerError(TransportError):
    """What answers did not prove that it knows the token; it was not shown the token."""


class UnavailableError(ZentalkError):
    """Something is needed that the network does not offer now (relays, a record)."""


class NotPublishedError(UnavailableError):
    """Relays answered, and none of them has what was asked for."""


class StorageFault(StrEnum):
    """What is the matter with a database or its disk."""

    FULL = "full"
    READ_ONLY = "read-only"
    DAMAGED = "damaged"
    BUSY = "busy"
    CLOSED = "closed"
    OTHER = "other"


class StorageError(ZentalkError):
    """A database or file could not be read or written; the message names it, for its operator.

    `code` is what the library or the system calls the fault, a fixed word; empty if `fault` says
    all of it.
    """

    def __init__(
        self, message: str, fault: StorageFault = StorageFault.OTHER, code: str = ""
    ) -> None:
        super().__init__(message)
        self.fault = fault
        self.code = code

    @property
    def public(self) -> str:
        """The sentence for other programs: what happened and what to do, without any path."""
        return _STORAGE_WORDS[self.fault]


_STORAGE_WORDS: Final = {
    StorageFault.FULL: "the disk is full, and this could not be saved:"
    " free space on it and try again",
    StorageFault.READ_ONLY: "the database cannot be written: let this program write"
    " to its folder and the files in it, and try again",
    StorageFault.DAMAGED: "the database is damaged: stop this program and restore it from a backup",
    StorageFault.BUSY: "another program has the database open: end that one and try again",
    StorageFault.CLOSED: "this program is ending: start it again, and then try again",
    StorageFault.OTHER: "the database could not be read or written:"
    " see the log of this program, check the disk, and try again",
}


class StorageFullError(StorageError):
    """The store has no room left; what was accepted before is kept."""

    def __init__(self, message: str) -> None:
        super().__init__(message, StorageFault.FULL)


class ConfigError(ZentalkError):
    """A setting, a file's permissions or a command-line value is wrong."""


class ConflictError(ZentalkError):
    """The request contradicts something that exists already."""


class NotFoundError(ZentalkError):
    """What the caller named does not exist here."""


# What is caught together. Each tuple is a step further from the wire than the one before it.

LINK_FAULTS: Final = (TransportError, RemoteProtocolError)
"""A link ends with one of these: it was lost, or its peer broke the rules."""

REQUEST_FAULTS: Final = (*LINK_FAULTS, RefusedError)
"""A request to a peer ends with one of these when no response is to be had."""

RELAY_FAULTS: Final = (*REQUEST_FAULTS, UnavailableError)
"""Work with one relay ends with one of these, whether it was reached or not; the caller turns to
the next relay."""

ATTEMPT_FAULTS: Final = (*RELAY_FAULTS, StorageError)
"""One attempt of a task that reads both the network and a database ends with one of these; the
task keeps its work and tries again later."""
