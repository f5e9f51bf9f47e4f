"""Taking prekeys: relays that are gone or lie must not keep a person unreachable."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

from zentalk.crypto import mlkem, x25519
from zentalk.crypto.ed25519 import SigningKey
from zentalk.errors import AuthenticationError, LinkClosedError, UnavailableError
from zentalk.ids import NodeId, SendId, UserAddress
from zentalk.mailbox.work import prekey_challenge, worth
from zentalk.net.runtime import Runtime, seeded_entropy
from zentalk.node.records.lookup import MOST_BITS, RecordLookup
from zentalk.wire.deposit import stamped_epoch
from zentalk.wire.prekeys import OneTimePrekey, PqPrekey, SignedPrekey
from zentalk.wire.rpc import decode_call, encode_refusal, encode_response
from zentalk.wire.rpc_prekeys import decode_prekeys_take_request
from zentalk.wire.user_record import MailboxEntry, RecordContents

ENTROPY = seeded_entropy(b"records")
BOB, MALLORY = SigningKey.generate(ENTROPY), SigningKey.generate(ENTROPY)
FIRST, SECOND = NodeId(b"1" * 32), NodeId(b"2" * 32)


def one_time(owner: SigningKey) -> bytes:
    public = x25519.generate(ENTROPY).public
    return OneTimePrekey.create(owner, 7, public, mlkem.generate(ENTROPY).public).to_bytes()


def contents(owner: SigningKey = BOB) -> RecordContents:
    return RecordContents(
        mailboxes=tuple(
            MailboxEntry(relay, SendId(relay[:16]), bytes(32)) for relay in (FIRST, SECOND)
        ),
        signed_prekey=SignedPrekey.create(owner, 1, x25519.generate(ENTROPY).public).to_bytes(),
        pq_prekey=PqPrekey.create(owner, 1, mlkem.generate(ENTROPY).public).to_bytes(),
    )


class Relays:
    """Answers by relay: bytes, or an error to raise. Notes the query ids it was asked under."""

    def __init__(self, first: bytes | Exception, second: bytes | Exception) -> None:
        self._answers = {FIRST: first, SECOND: second}
        self.query_ids: list[bytes] = []

    @asynccontextmanager
    async def short(self, relay: NodeId) -> AsyncIterator[Any]:
        relays, answer = self, self._answers[relay]

        class Link:
            async def request(self, body: bytes) -> bytes:
                await trio.lowlevel.checkpoint()
                relays.query_ids.append(decode_prekeys_take_request(decode_call(body)[1]).query_id)
                if isinstance(answer, Exception):
                    raise answer
                return answer

        yield Link()


def records_over(relays: Any) -> RecordLookup:
    unused: Any = None
    return RecordLookup(Runtime.virtual(1, 0.0), unused, relays)


GOOD = encode_response(one_time(BOB), 0)
EMPTY = encode_response(b"", 0)


@pytest.mark.parametrize(
    "bad",
    [
        b"garbage",
        encode_response(b"no prekey at all", 0),
        encode_response(one_time(MALLORY), 0),
        encode_refusal("busy"),
        LinkClosedError("gone"),
        EMPTY,
    ],
)
async def test_one_bad_mailbox_relay_costs_no_more_than_a_question(bad: bytes | Exception) -> None:
    bundle = await records_over(Relays(bad, GOOD)).bundle(UserAddress(BOB.public), contents())
    bundle.verify()
    assert bundle.one_time is not None


async def test_a_drained_pool_gives_a_bundle_without_a_one_time_key() -> None:
    for relays in (Relays(EMPTY, EMPTY), Relays(EMPTY, b"garbage"), Relays(b"garbage", EMPTY)):
        bundle = await records_over(relays).bundle(UserAddress(BOB.public), contents())
        assert bundle.one_time is None


async def test_without_any_proper_answer_there_is_no_bundle() -> None:
    with pytest.raises(UnavailableError):
        await records_over(Relays(b"garbage", LinkClosedError(""))).bundle(
            UserAddress(BOB.public), contents()
        )


async def test_keys_of_the_record_that_the_contact_did_not_sign_are_refused() -> None:
    relays = Relays(GOOD, GOOD)
    with pytest.raises(AuthenticationError):
        await records_over(relays).bundle(UserAddress(BOB.public), contents(MALLORY))
    assert relays.query_ids == []


async def test_k35_two_relays_are_asked_under_different_numbers() -> None:
    """Or two that compare their logs would know that both mailboxes are one person's."""
    relays = Relays(EMPTY, EMPTY)
    await records_over(relays).bundle(UserAddress(BOB.public), contents())
    first, second = relays.query_ids
    assert first != second


# --- prekeys that cost work ----------------------------------------------------------------------


class Pricing(Relays):
    """Relays that give a key for so many bits of work, 0 for nothing."""

    def __init__(self, **bits: int) -> None:
        super().__init__(GOOD, GOOD)
        self._prices = {FIRST: bits["first"], SECOND: bits["second"]}
        self.worked: list[NodeId] = []

    @asynccontextmanager
    async def short(self, relay: NodeId) -> AsyncIterator[Any]:
        relays, price = self, self._prices[relay]

        class Link:
            async def request(self, body: bytes) -> bytes:
                await trio.lowlevel.checkpoint()
                call = decode_prekeys_take_request(decode_call(body)[1])
                relays.query_ids.append(call.query_id)
                epoch = stamped_epoch(call.stamp, call.stamp.epoch)
                if epoch is not None:
                    relays.worked.append(relay)
                    task = prekey_challenge(relay, call.send_id, call.query_id, epoch)
                    if worth(task, call.stamp.nonce) > price:
                        return GOOD
                return encode_response(b"", price) if price else GOOD

        yield Link()


@pytest.mark.parametrize(
    ("first", "second", "worked"),
    [(0, 9, []), (9, 0, []), (9, 8, [SECOND]), (8, 9, [FIRST]), (MOST_BITS + 1, 8, [SECOND])],
)
async def test_work_is_done_for_a_prekey_only_where_no_pool_gives_one_for_nothing(
    first: int, second: int, worked: list[NodeId]
) -> None:
    relays = Pricing(first=first, second=second)
    bundle = await records_over(relays).bundle(UserAddress(BOB.public), contents())
    assert bundle.one_time is not None
    assert relays.worked == worked
    assert len(set(relays.query_ids)) == len(relays.query_ids), "each question has a new number"


async def test_no_work_is_done_for_whoever_wants_much() -> None:
    relays = Pricing(first=MOST_BITS + 1, second=255)
    bundle = await records_over(relays).bundle(UserAddress(BOB.public), contents())
    assert bundle.one_time is None
    assert relays.worked == []
