"""K9 at a running mailbox service: a proof is looked at before anything is looked up."""

from __future__ import annotations

from typing import Any

import pytest
import trio.testing

from tests.relay.mailbox_world import KEYS, Owner, World, online, running
from zentalk.errors import AuthenticationError, RefusedError
from zentalk.ids import MailboxId
from zentalk.relay.mailbox_service import MailboxService
from zentalk.store.mailbox_memory import MemoryMailboxStore
from zentalk.wire import rpc_mailbox as rpc
from zentalk.wire.codec import Fields
from zentalk.wire.rpc import decode_call


async def outcomes_of_forged_proofs() -> dict[str, str]:
    """What a stranger gets for a mailbox that exists and for one that does not."""
    found = {}
    async with running(World(MemoryMailboxStore())) as world:
        await online(world)
        mallory = Owner(world, "mallory")
        signature = mallory.proof(9).signature
        for name in ("bob", "carol"):
            forged = rpc.OpenCall(MailboxId(KEYS[name].public), 9, signature, 5)
            with pytest.raises((AuthenticationError, RefusedError)) as refusal:
                await mallory.ask(rpc.encode_open(forged))
            found[name] = f"{refusal.type.__name__}: {refusal.value}"
    return found


async def test_k9_a_forged_proof_says_nothing_of_whether_there_is_a_mailbox(
    autojump_clock: trio.testing.MockClock,
) -> None:
    found = await outcomes_of_forged_proofs()
    assert found["bob"] == found["carol"]


async def test_k9_control_a_relay_that_looks_up_first_lists_its_mailboxes(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    verify = MailboxService._on_open

    async def helpful(service: MailboxService, connection: Any, fields: Fields) -> list[Any]:
        call = rpc.decode_open(fields)
        assert service._core is not None
        boxes = service._core._registry.mailboxes
        if call.mailbox not in boxes and connection.key is not KEYS["bob"]:
            raise RefusedError("unknown")
        _, again = decode_call(rpc.encode_open(call))
        return await verify(service, connection, again)

    monkeypatch.setattr(MailboxService, "_on_open", helpful)
    found = await outcomes_of_forged_proofs()
    assert found["bob"] != found["carol"]
