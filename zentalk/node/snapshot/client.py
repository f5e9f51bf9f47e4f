"""The relays an API node believes in: requests it of several sources and lets the core decide.

Spec: docs/spec/directory.md section 8. One tunnel per source, kept for the whole refresh.
What is used is what `zentalk.directory.snapshot` accepted; a source that fails, lies or
hangs costs only its own voice.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

import trio

from zentalk.directory import snapshot as core
from zentalk.directory.boots import BootLog
from zentalk.directory.clock_skew import hours_ahead
from zentalk.directory.digests import digest_of
from zentalk.directory.equivocation import EquivocationProof, check_proof
from zentalk.directory.events import TimePassed
from zentalk.directory.identity_work import work_bits
from zentalk.directory.set_reading import KnownSets, SetReading
from zentalk.directory.snapshot import SnapshotResult
from zentalk.directory.window import is_usable
from zentalk.errors import RELAY_FAULTS, RemoteProtocolError
from zentalk.ids import Epoch, NodeId
from zentalk.net.runtime import Runtime
from zentalk.node.snapshot.source_turns import SourceTurns
from zentalk.node.tunnels.tunnels import RequestLink, TunnelOpener
from zentalk.wire.descriptor import Descriptor, decode_descriptor
from zentalk.wire.network_state import MAX_PROOFS
from zentalk.wire.rpc_directory import (
    encode_announces,
    encode_equivocation,
)

SOURCE_SECONDS: Final = 120.0
"""A backstop for one source's part; tunnels and requests have shorter limits of their own."""
_VERIFY_BATCH: Final = 32


class SnapshotClient:
    """The accepted snapshot of one node and how to refresh it, one refresh at a time.

    `unverified` says that it rests on a single relay's word: no guard may be pinned then.
    """

    def __init__(
        self, runtime: Runtime, open_tunnel: TunnelOpener, network: str, id_difficulty: int = 0
    ) -> None:
        self._runtime = runtime
        self._id_difficulty = id_difficulty
        self._open_tunnel = open_tunnel
        self._network = network
        self._accepted: dict[NodeId, Descriptor] = {}
        self._proofs: dict[NodeId, EquivocationProof] = {}
        self._verified: dict[bytes, Descriptor] = {}
        """By digest: what is accepted, and during a refresh what any source delivered."""
        self._known = KnownSets({}, self._has)
        self._source_turns = SourceTurns()
        self._boots = BootLog()
        self._turn = trio.Lock()
        self.unverified = True
        self.hours_ahead = 0
        self._shown: dict[NodeId, Epoch] = {}

    def descriptors(self) -> dict[NodeId, Descriptor]:
        """Return the accepted relays whose descriptors are usable now."""
        now = self._runtime.wall()
        return {key: item for key, item in self._accepted.items() if is_usable(item, now)}

    def boots_last_hour(self) -> dict[NodeId, int]:
        """Return how often each relay started within the hour, as far as was seen."""
        now = self._runtime.monotonic()
        return {node_id: self._boots.recent(node_id, now) for node_id in self._accepted}

    def proofs(self) -> list[EquivocationProof]:
        """Return the proofs of equivocation held; the relays they name are never used."""
        return list(self._proofs.values())

    def restore(self, raws: Iterable[bytes], proofs: Iterable[tuple[bytes, bytes]] = ()) -> None:
        """Take up a verified snapshot saved earlier; damaged entries are left out.

        Only pass what was saved while `unverified` was false.
        """
        for first, second in proofs:
            try:
                proof = check_proof(first, second, self._network)
            except RemoteProtocolError:
                continue
            self._convict(proof)
        for raw in raws:
            try:
                descriptor = decode_descriptor(raw)
            except RemoteProtocolError:
                continue
            if self._counts(descriptor):
                self._accept(descriptor)
                self.unverified = False

    async def fetch_snapshot(self, sources: Sequence[NodeId]) -> SnapshotResult:
        """Ask the sources and accept what the rule accepts.

        Sources should be 3 distinct relays over at least 2 guards; at a first start, at
        least 2 bootstraps. Never raises for a relay's fault: see the result.
        """
        async with self._turn:
            held = {} if self.unverified else self._accepted
            rule = core.SnapshotRule(sources, held, self._runtime.wall())
            own = {key: digest_of(item.raw) for key, item in self._accepted.items()}
            self._known = KnownSets(own, self._has)
            self._shown = {}
            result = await self._drive(rule, sources)
            self.hours_ahead = hours_ahead(self._shown.values(), self._runtime.wall())
            if result.complete:
                self._adopt(result)
            # Sources that keep a refresh from completing must not fill this with inventions.
            self._verified = {digest_of(item.raw): item for item in self._accepted.values()}
            return result

    async def _drive(self, rule: core.SnapshotRule, sources: Sequence[NodeId]) -> SnapshotResult:
        events, heard = trio.open_memory_channel[core.Event](math.inf)
        async with trio.open_nursery() as nursery:
            inboxes = {}
            for source in dict.fromkeys(sources):
                inbox, commands = trio.open_memory_channel[core.Command](math.inf)
                inboxes[source] = inbox
                nursery.start_soon(self._serve_source, source, commands, events)
            todo = rule.start()
            while True:
                for command in todo:
                    if isinstance(command, core.FinishSnapshot):
                        nursery.cancel_scope.cancel()
                        return command.result
                    inboxes[command.source].send_nowait(command)
                event: core.Event = TimePassed()
                deadline = rule.next_deadline()
                wait = math.inf if deadline is None else deadline - self._runtime.monotonic()
                with trio.move_on_after(max(0.0, wait)):
                    event = await heard.receive()
                todo = rule.handle(event, self._runtime.monotonic())

    async def _serve_source(
        self,
        source: NodeId,
        commands: trio.MemoryReceiveChannel[core.Command],
        events: trio.MemorySendChannel[core.Event],
    ) -> None:
        """Carry out commands over one tunnel; after a failure only say that it failed."""
        try:
            with trio.move_on_after(SOURCE_SECONDS):
                async with self._open_tunnel(source) as link:
                    async for command in commands:
                        await self._carry_out(command, source, link, events)
        except RELAY_FAULTS:
            pass
        events.send_nowait(core.SourceFailed(source))
        async for command in commands:
            if isinstance(command, core.AskSource):
                events.send_nowait(core.SourceFailed(source))

    async def _carry_out(
        self,
        command: core.Command,
        source: NodeId,
        link: RequestLink,
        events: trio.MemorySendChannel[core.Event],
    ) -> None:
        if isinstance(command, core.AskSource):
            events.send_nowait(core.SnapshotReceived(source, await self._read(link)))
        elif isinstance(command, core.OfferDescriptors):
            for call in encode_announces(item.raw for item in command.descriptors):
                link.notify(call)
        elif isinstance(command, core.ReportEquivocation):
            link.notify(encode_equivocation(command.proof.first, command.proof.second))

    async def _read(self, link: RequestLink) -> list[Descriptor]:
        """Read a source's set; what another one has told, or we hold, is not requested."""
        reading = SetReading(self._known)
        await self._request_next(reading, link)
        if reading.next_call() is not None:
            async with self._source_turns.turn():
                while await self._request_next(reading, link):
                    pass
        shown = (self._verified.get(digest) for digest in reading.digests)
        found = [item for item in shown if item is not None and self._counts(item)]
        self._shown |= {item.node_id: item.epoch for item in found}
        return found

    async def _request_next(self, reading: SetReading, link: RequestLink) -> bool:
        """Send one request and verify what comes; False if nothing was left to request."""
        call = reading.next_call()
        if call is not None:
            await self._verify(reading.take(await link.request(call)))
        return call is not None

    async def _verify(self, raws: Sequence[bytes]) -> None:
        """Verify what was not verified before, letting other tasks run in between."""
        for count, raw in enumerate(raws):
            digest = digest_of(raw)
            if digest not in self._verified:
                self._verified[digest] = decode_descriptor(raw)
                if count % _VERIFY_BATCH == 0:
                    await trio.lowlevel.checkpoint()

    def _has(self, digest: bytes) -> bool:
        return digest in self._verified

    def _counts(self, descriptor: Descriptor) -> bool:
        """Say whether a relay may be used here: two sources that agree cannot make it cheaper."""
        if descriptor.network != self._network or descriptor.node_id in self._proofs:
            return False
        return not self._id_difficulty or work_bits(descriptor.node_id) >= self._id_difficulty

    def _adopt(self, result: SnapshotResult) -> None:
        for proof in result.proofs:
            self._convict(proof)
        for gone in self._accepted.keys() - {item.node_id for item in result.descriptors}:
            self._boots.forget(gone)
        self._accepted = {}
        for descriptor in result.descriptors:
            self._accept(descriptor)
        self.unverified = result.unverified

    def _convict(self, proof: EquivocationProof) -> None:
        """Keep a proof. One source alone can make up any number of relays that cheat.

        When there are too many, only a relay that was in use is worth another's place.
        """
        if len(self._proofs) >= MAX_PROOFS:
            if proof.node_id not in self._accepted:
                return
            del self._proofs[next(iter(self._proofs))]
        self._proofs[proof.node_id] = proof

    def _accept(self, descriptor: Descriptor) -> None:
        self._accepted[descriptor.node_id] = descriptor
        self._verified[digest_of(descriptor.raw)] = descriptor
        self._boots.note(descriptor.node_id, descriptor.boot, self._runtime.monotonic())
