"""What the way into the network needs to start again, saved whenever it has changed.

Guards, where they listened, the snapshot and how often it showed whom, proofs against relays, and
third hops of tunnels. What rests on a single bootstrap's word is never saved.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import trio

from zentalk.errors import RemoteProtocolError
from zentalk.node.snapshot.refresher import SnapshotRefresher
from zentalk.node.tunnels.third_hops import check as check_third_hops
from zentalk.node.tunnels.tunnels import Tunnels
from zentalk.onion.guard_state import GuardState
from zentalk.store.retry import until_stored
from zentalk.wire.network_state import NetworkState, decode_network_state, encode_network_state

_SAVE_SECONDS: Final = 1.0
"""Changes come in groups, when guards connect or a snapshot arrives: one write for each group."""


class SavedState:
    """The saved state of one node in one network; `save` stores it.

    `found` is what was `loaded`, empty at a first start and if that is `damaged` or of another
    network.
    """

    def __init__(
        self, network: str, loaded: bytes | None, save: Callable[[bytes], Awaitable[None]]
    ) -> None:
        self.damaged = False
        self._network = network
        self._save = save
        self._saved = b""
        self.found = self._read(loaded)

    async def keep(self, tunnels: Tunnels, snapshot: SnapshotRefresher) -> None:
        """Save changes until cancelled; a StorageError of `save` is waited out."""
        links = tunnels.links
        seen: tuple[object, ...] = ()
        while True:
            # The first time at once: a new node may die, and its bootstraps with it.
            now = (snapshot.view(), links.selection.state, tunnels.third_hops.value())
            if seen and now[0] is seen[0] and now[1:] == seen[1:]:
                await links.changes.park()
                if self._saved:
                    await trio.sleep(_SAVE_SECONDS)
                continue
            seen = now
            if now[0].relays and not snapshot.unverified:
                await self._save_if_changed(tunnels, snapshot)

    async def _save_if_changed(self, tunnels: Tunnels, snapshot: SnapshotRefresher) -> None:
        links = tunnels.links
        state = encode_network_state(
            NetworkState(
                self._network,
                links.selection.state.to_value(),
                links.selection.addresses(),
                tuple(item.raw for item in snapshot.client.descriptors().values()),
                tuple((proof.first, proof.second) for proof in snapshot.client.proofs()),
                tunnels.third_hops.value(),
                # In whole hours: it moves on with each snapshot, and need not be written for that.
                int(snapshot.size.full_until) // 3600 * 3600,
                snapshot.shown.counts(),
            )
        )
        if state != self._saved:
            await until_stored(partial(self._save, state))
            self._saved = state

    def _read(self, loaded: bytes | None) -> NetworkState:
        nothing = NetworkState("", GuardState().to_value(), (), ())
        if loaded is None:
            return nothing
        try:
            state = decode_network_state(loaded)
            GuardState.from_value(state.guards)
            check_third_hops(state.third_hops)
        except RemoteProtocolError:
            self.damaged = True
            return nothing
        return state if state.network == self._network else nothing
