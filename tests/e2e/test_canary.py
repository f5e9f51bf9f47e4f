"""K23 inside the programs: no secret in a repr, an error, a log line or on the terminal.

What programs write is looked at from outside in tests/cli; here are the objects of a
whole network at work, because any of them may end up in a traceback or a log one day.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator
from dataclasses import make_dataclass

import pytest
import trio
from trio.testing import MockClock as Clock

from tests.e2e.world import World
from zentalk.errors import ZentalkError
from zentalk.node.messages.routes import Collected
from zentalk.store.history import mailboxes
from zentalk.store.key_file import load_identity

pytestmark = pytest.mark.e2e

CANARY = "CANARY: meet me at the observatory"
ANNA, BEN = "anna", "ben"
"""Names of this file only: what other tests leave in memory has other keys."""


@pytest.fixture
def errors(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The sentence of every error of ours that is made from now on."""
    sentences: list[str] = []
    make = ZentalkError.__new__

    def watched(cls: type[ZentalkError], *given: object, **named: object) -> ZentalkError:
        sentences.extend(map(str, given))
        return make(cls, *given, **named)

    monkeypatch.setattr(ZentalkError, "__new__", watched)
    return sentences


async def trouble(world: World) -> None:
    """Mail that flows, waits and comes back; relays that die; junk that is refused."""
    await world.relay_net(5)
    for name in (ANNA, BEN):
        await world.person(name)
    await world.friends(ANNA, BEN)
    first = await world.send(ANNA, BEN, CANARY)
    await world.until_state(ANNA, first, "delivered")
    await world.crash(BEN)
    await world.send(ANNA, BEN, CANARY + " again")
    await trio.sleep(10)
    for relay in ("r1", "r2"):
        await world.crash(relay)
    await trio.sleep(10)
    await world.relay("r1")
    await world.person(BEN, ready=False)
    await world.send(BEN, ANNA, CANARY + " back")
    receiver = world.nodes[BEN]._parts.incoming.receiver
    await trio.sleep(1)  # until nobody reads the history
    [send_id, *_] = own_send_ids(world)
    receiver.push(_Nobody(), 1, Collected(send_id, bytes(1700)))  # type: ignore[arg-type]
    await trio.sleep(20)


class _Nobody:
    def acknowledge(self, seqs: list[int]) -> None:
        """Take no note."""

    def give_up(self) -> None:
        """Take no note."""


def own_send_ids(world: World) -> list[bytes]:
    database = world.nodes[BEN]._database
    [box, *_] = database.read_now(mailboxes.every)
    return [
        row.send_id for row in database.read_now(lambda tx: mailboxes.send_ids(tx, box.mailbox))
    ]


def secrets_of(world: World) -> dict[str, bytes]:
    found: dict[str, bytes] = {"text": CANARY.encode()}
    for name in (ANNA, BEN):
        node = world.nodes[name]
        found[f"address of {name}"] = bytes(node.address)
        found[f"address of {name} as text"] = node.address_text.encode()
        found[f"identity of {name}"] = bytes(load_identity(world.folder / name).seed)
        for number, box in enumerate(node._database.read_now(mailboxes.every)):
            found[f"mailbox {number} of {name}"] = bytes(box.mailbox)
            found[f"collect key {number} of {name}"] = bytes(box.collect_seed)
    for name, relay in world.relays.items():
        found[f"identity of {name}"] = bytes(relay._identity.key.seed)
        if relay._keys is not None:
            slots = relay._keys.peelers[0]._keys._slots
            for epoch, slot in slots.items():
                found[f"mix key {epoch} of {name}"] = bytes(slot.key.pair.secret)
    return found


def shows(text: str, secret: bytes) -> bool:
    """Tell whether a secret stands in a text, as text, as hex or as Python writes bytes."""
    forms = [secret.hex(), repr(secret)[2:-1]]
    if secret.isascii():
        forms.append(secret.decode())
    return any(form in text for form in forms)


def objects() -> Iterator[object]:
    """Everything of ours that is alive, what was imported before the first test too."""
    gc.unfreeze()
    for thing in gc.get_objects():
        if str(getattr(type(thing), "__module__", "")).startswith("zentalk."):
            yield thing


async def test_k23_no_object_of_a_network_at_work_shows_a_secret(
    world: World, autojump_clock: Clock
) -> None:
    await trouble(world)
    secrets = secrets_of(world)
    shown = set()
    count = 0
    for thing in objects():
        count += 1
        text = repr(thing)
        shown |= {(type(thing).__qualname__, name) for name, s in secrets.items() if shows(text, s)}
    assert shown == set()
    assert count > 1000


def test_k23_control_the_search_finds_one_object_that_shows_its_fields() -> None:
    plain = make_dataclass("Plain", ["text"], namespace={"__module__": "zentalk.plain"})
    kept = [plain(CANARY)]
    assert any(shows(repr(thing), CANARY.encode()) for thing in objects())
    del kept
    assert shows(repr([b"\x01seed"]), b"\x01seed")
    assert shows(b"\x01seed".hex(), b"\x01seed")


async def test_k23_no_error_and_no_log_line_of_a_network_in_trouble_shows_a_secret(
    world: World,
    autojump_clock: Clock,
    errors: list[str],
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    await trouble(world)
    assert len(errors) > 10, "there was trouble"
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", ""), "the library never prints"
    said = [*errors, *(record.getMessage() for record in caplog.records)]
    secrets = secrets_of(world)
    assert not {name for name, s in secrets.items() if any(shows(text, s) for text in said)}
