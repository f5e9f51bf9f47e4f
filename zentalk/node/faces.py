"""The owner's devices and other node, as REST sees them at a node."""

from __future__ import annotations

from zentalk.node.devices.admissions import Admissions
from zentalk.node.devices.attendance import Attendance
from zentalk.node.devices.tokens import DeviceTokens
from zentalk.node.linked.links import Links
from zentalk.node.wiring import DeviceParts


class DeviceFaces:
    """The part of a node that is about who uses it, and which other node its owner has."""

    _devices: DeviceParts

    @property
    def devices(self) -> DeviceTokens:
        """Who may use this node beside the owner."""
        return self._devices.tokens

    @property
    def admissions(self) -> Admissions:
        """Pairings that wait for a new device."""
        return self._devices.admissions

    @property
    def attendance(self) -> Attendance:
        """Which devices are connected, and when each was last seen."""
        return self._devices.attendance

    @property
    def links(self) -> Links:
        """The owner's other node."""
        return self._devices.linked.links
