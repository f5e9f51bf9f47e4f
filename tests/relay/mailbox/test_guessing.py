"""K9 at a running mailbox service: a proof is looked at before anything is looked up.

What a guess costs the relay is counted: a clock could show no more than that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import trio
import trio.testing

from tests.mailbox.support import TODAY, entry, send_id
from tests.relay.mailbox_world import KEYS, Owner, World, online, running
from zentalk.crypto import ed25519
from zentalk.errors import AuthenticationError, RefusedError
from zentalk.ids import MailboxId
from zentalk.mailbox.settings import MailboxSettings
from zentalk.relay.mailbox.group_commit import MailboxWriter
from zentalk.relay.mailbox.service import MailboxService
from zentalk.store.mailbox.memory import MemoryMailboxStore
from zentalk.wire import rpc_mailbox as rpc
from zentalk.wire import rpc_prekeys, rpc_send_ids
from zentalk.wire.codec import Fields
from zentalk.wire.rpc import decode_call
from zentalk.wire.rpc_send_ids import SendIdKind


async def outcomes_of_forged_proofs() -> dict[str, str]:
    """What a stranger gets for a mailbox that exists and for one that does not."""
    found = {}
    async with running(World(MemoryMailboxStore())) as world:
        await online(world)
        mallory = Owner(world, "mallory")
        signature = mallory.proof(9).signature
        for name in ("bob", "carol"):
            forged = rpc.OpenRequest(MailboxId(KEYS[name].public), 9, signature, 5)
            with pytest.raises((AuthenticationError, RefusedError)) as refusal:
                await mallory.ask(rpc.encode_open_request(forged))
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

    async def helpful(service: MailboxService, connection: Any, fields: Fields) -> bytes:
        call = rpc.decode_open_request(fields)
        assert service._driver._core is not None
        boxes = service._driver._core._registry.mailboxes
        if call.mailbox not in boxes and connection.key is not KEYS["bob"]:
            raise RefusedError("unknown")
        _, again = decode_call(rpc.encode_open_request(call))
        return await verify(service, connection, again)

    monkeypatch.setattr(MailboxService, "_on_open", helpful)
    found = await outcomes_of_forged_proofs()
    assert found["bob"] != found["carol"]


# --- counted work: a clock shows no more than this ---------------------------------------------

Looks = Counter[str]


async def work_of(
    monkeypatch: pytest.MonkeyPatch, questions: Callable[[Owner, str], bytes]
) -> dict[str, Looks]:
    """Count what a relay does for a question about what is there, forbidden, or missing.

    And how long the answer takes.
    """
    found = {}
    async with running(World(MemoryMailboxStore())) as world:
        bob = await online(world)
        await bob.register(
            entry("past", SendIdKind.PUBLIC, 0, TODAY - 9), entry("ack", SendIdKind.ACK)
        )
        core = world.service._driver._core
        assert core is not None
        looks: Looks = Counter()
        verify, apply = ed25519.verify, MailboxWriter._apply

        def verified(*arguments: Any) -> None:
            looks["signatures"] += 1
            verify(*arguments)

        def applied(writer: MailboxWriter, operations: Any) -> Any:
            looks["operations of the store"] += len(operations)
            return apply(writer, operations)

        monkeypatch.setattr(ed25519, "verify", verified)
        monkeypatch.setattr(MailboxWriter, "_apply", applied)
        for name in ("bob", "past", "ack", "carol", "nobody"):
            looks.clear()
            asked_at = trio.current_time()
            with suppress(AuthenticationError, RefusedError):
                await Owner(world, "mallory").ask(questions(bob, name))
            looks["milliseconds"] = round(1000 * (trio.current_time() - asked_at))
            await trio.sleep(1)
            found[name] = Counter(looks)
    return found


def forged_open(bob: Owner, name: str) -> bytes:
    key = KEYS[name].public if name in KEYS else name.ljust(32).encode()
    signature = bob.proof(9).signature
    return rpc.encode_open_request(
        rpc.OpenRequest(MailboxId(key), 9, bytes(32) + signature[32:], 5)
    )


def state(_bob: Owner, name: str) -> bytes:
    return rpc_send_ids.encode_state_request(send_id(name))


def take(_bob: Owner, name: str) -> bytes:
    return rpc_prekeys.encode_prekeys_take_request(
        rpc_prekeys.PrekeysTakeRequest(send_id(name), name.ljust(16).encode())
    )


@pytest.mark.parametrize("question", [forged_open, state, take])
async def test_k9_missing_forbidden_and_existing_cost_the_same_work(
    autojump_clock: trio.testing.MockClock,
    monkeypatch: pytest.MonkeyPatch,
    question: Callable[[Owner, str], bytes],
) -> None:
    found = await work_of(monkeypatch, question)
    assert found["bob"] == found["past"] == found["ack"] == found["carol"] == found["nobody"]
    if question is forged_open:
        assert found["bob"]["signatures"] == 1
    else:
        assert found["bob"]["operations of the store"] == 1
        assert found["bob"]["milliseconds"] >= 1000 * MailboxSettings().answer_seconds


async def test_k9_control_an_early_return_for_missing_mailboxes_saves_a_signature(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    verify = MailboxService._on_open

    async def quick(service: MailboxService, connection: Any, fields: Fields) -> bytes:
        call = rpc.decode_open_request(fields)
        assert service._driver._core is not None
        if connection.key is KEYS["mallory"] and (
            call.mailbox not in service._driver._core._registry.mailboxes
        ):
            raise AuthenticationError("a signature is not valid")
        _, again = decode_call(rpc.encode_open_request(call))
        return await verify(service, connection, again)

    monkeypatch.setattr(MailboxService, "_on_open", quick)
    found = await work_of(monkeypatch, forged_open)
    assert found["bob"] != found["carol"] == found["nobody"]
