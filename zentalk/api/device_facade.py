"""What REST needs of a node for the owner's devices and other node; `zentalk.node.faces` has it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from zentalk.node.devices.pairings import Pairing
from zentalk.node.linked.status import LinkCode, LinksView
from zentalk.wire.devices import DeviceEntry, DeviceScope


class DeviceFacade(Protocol):
    """The devices of the node's owner."""

    def tell_revoked(self, listener: Callable[[str], None]) -> None:
        """Call somebody with the id of each device that may no longer use the node."""

    def admitted(self, token: bytes) -> DeviceEntry | None:
        """Return the device whose token this is."""

    def listing(self) -> list[DeviceEntry]:
        """Return the devices, oldest first."""

    async def add(
        self, name: str, scope: DeviceScope, added_by: str = ""
    ) -> tuple[DeviceEntry, str]:
        """Admit a device, in the name of the owner or another device; returns it and its token."""

    async def revoke(self, device_id: str) -> None:
        """Shut a device out, and those that it admitted; raises NotFoundError."""


class AttendanceFacade(Protocol):
    """Is told of every request, by the id of its device or `owner`."""

    def began(self, device: str) -> None:
        """A request or stream began."""

    def ended(self, device: str) -> None:
        """It ended."""

    def forget(self, device: str) -> None:
        """A device was revoked."""

    def connected(self) -> frozenset[str]:
        """Return who is connected."""

    def last_seen(self, device: str) -> float | None:
        """Return when a device was here, as unix time to the minute; None if never."""


class AdmissionFacade(Protocol):
    """New devices by invitation; times of ends are unix time."""

    def open(self, name: str, scope: DeviceScope, added_by: str) -> tuple[Pairing, float]:
        """Open a pairing, in the name of a device or of the owner (empty)."""

    def listing(self) -> list[tuple[Pairing, float]]:
        """Return the open pairings, oldest first."""

    def find(self, pairing_id: str) -> Pairing:
        """Return an open pairing; raises NotFoundError."""

    def cancel(self, pairing_id: str) -> None:
        """Withdraw a pairing; raises NotFoundError."""

    async def redeem(self, code: str) -> tuple[DeviceEntry, str]:
        """Admit the device that has a code; raises NotFoundError, RefusedError, ConflictError."""


class LinksFacade(Protocol):
    """The owner's other node."""

    async def state(self) -> LinksView:
        """Return what this node is among the owner's nodes."""

    async def open(self) -> LinkCode:
        """Make a code for a replica; raises ConflictError if there is one."""

    async def remove(self, link_id: str) -> None:
        """End a link, or withdraw a code; raises NotFoundError."""

    async def keep_recovery(self, sealed: bytes) -> None:
        """Keep the identity under a new recovery phrase; raises ConflictError."""


class DevicesFacade(Protocol):
    """All of it together."""

    @property
    def devices(self) -> DeviceFacade:
        """The devices that may use the node besides the holder of the owner's token."""

    @property
    def attendance(self) -> AttendanceFacade:
        """Who is connected."""

    @property
    def admissions(self) -> AdmissionFacade:
        """How new devices get a token."""

    @property
    def links(self) -> LinksFacade:
        """The owner's other node."""
