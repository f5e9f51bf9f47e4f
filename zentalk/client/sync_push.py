"""The part of a client that is about waking devices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zentalk.client import push_calls as calls
from zentalk.client.calls import Call, T
from zentalk.rest.push import PushEndpoint, PushTested


class SyncPush:
    """The part of a client that is about waking devices. `_run` carries out a call."""

    def _run(self, call: Call[T]) -> T:
        raise NotImplementedError  # the client's own

    def push_endpoints(self) -> list[PushEndpoint]:
        """Return how this device is woken, or with the owner's token all of them."""
        return self._run(calls.push_endpoints())

    def register_push(
        self,
        endpoint: str,
        keys: Mapping[str, str] | None = None,
        *,
        signed: bool = False,
        types: Sequence[str] = (),
        device: str | None = None,
    ) -> PushEndpoint:
        """Let the node wake this device by an endpoint, or with the owner's token that device.

        `keys` are `p256dh` and `auth` of the device's subscription, in base64url.
        """
        call = calls.register_push(endpoint, keys, types, device, signed=signed)
        return self._run(call)

    def push_key(self, device: str | None = None) -> str:
        """Return the key that a device names when it subscribes, for `signed` requests."""
        return self._run(calls.push_key(device))

    def remove_push(self, device: str) -> None:
        """Forget the endpoint of a device; raises NotFoundError."""
        self._run(calls.remove_push(device))

    def test_push(self, device: str) -> PushTested:
        """Wake a device now, and return how its push server answered; raises NotFoundError."""
        return self._run(calls.test_push(device))
