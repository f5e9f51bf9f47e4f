"""The part of a client that is about waking devices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zentalk.client import push_calls as calls
from zentalk.client.calls import Call, T
from zentalk.rest.push import PushEndpoint, PushTested


class AsyncPush:
    """The part of a client that is about waking devices. `_run` carries out a call."""

    async def _run(self, call: Call[T]) -> T:
        raise NotImplementedError  # the client's own

    async def push_endpoints(self) -> list[PushEndpoint]:
        """Return how this device is woken, or with the owner's token all of them."""
        return await self._run(calls.push_endpoints())

    async def register_push(
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
        return await self._run(call)

    async def push_key(self, device: str | None = None) -> str:
        """Return the key that a device names when it subscribes, for `signed` requests."""
        return await self._run(calls.push_key(device))

    async def remove_push(self, device: str) -> None:
        """Forget the endpoint of a device; raises NotFoundError."""
        await self._run(calls.remove_push(device))

    async def test_push(self, device: str) -> PushTested:
        """Wake a device now, and return how its push server answered; raises NotFoundError."""
        return await self._run(calls.test_push(device))
