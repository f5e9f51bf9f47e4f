"""What users of comparable systems reported about REST and events, tried on ours."""

import pytest
import trio

from tests.api.double import BOB, TOKEN, FakeNode
from zentalk.client import AsyncClient, Client
from zentalk.ids import UserAddress
from zentalk.store.history.models import ContactState, StoredContact
from zentalk.wire.text import format_address

BOBS = format_address(BOB)
STREAMS = 300


@pytest.mark.slow
async def test_three_hundred_streams_at_once_all_get_everything_in_order(
    node: FakeNode, url: str
) -> None:
    seen: list[list[int]] = [[] for _ in range(STREAMS)]
    node.emit("message.state", {"number": 1})

    async def read(client: AsyncClient, numbers: list[int]) -> None:
        async with client.stream_events() as feed:
            async for event in feed:
                numbers.append(event.seq)
                if event.seq == 3:
                    return

    with trio.fail_after(120):
        async with AsyncClient(url, TOKEN, timeout_seconds=60) as client:
            async with trio.open_nursery() as nursery:
                for numbers in seen:
                    nursery.start_soon(read, client, numbers)
                while not all(seen):  # noqa: ASYNC110 - nobody tells when all have begun
                    await trio.sleep(0.02)
                node.emit("message.state", {"number": 2})
                node.emit("message.state", {"number": 3})
            assert await client.health()
    assert seen == [[1, 2, 3]] * STREAMS


@pytest.mark.parametrize(
    "text",
    [
        "\U0001f469\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466",  # one family of four people
        "\u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # a joiner that Persian needs
        "\u0915\u094d\u200d\u0937 \u0e01\u0e33 e\u0301",
        "\u202eright to left\u202c",
        "\x1b[31mred\x07\x00",
        " a \r\n\tb \n",
        "\ufeff\ufffe\U0010ffff",
        '"\\/\u2028\u2029</script>',
    ],
)
async def test_a_text_is_kept_to_the_letter(
    client: AsyncClient, blocking: Client, node: FakeNode, text: str
) -> None:
    assert (await client.send(BOBS, text)).text == text
    assert node.sent[0].text == text
    (message,) = await trio.to_thread.run_sync(blocking.messages, BOBS)
    assert message.text == text


async def test_one_key_in_many_requests_at_once_is_one_message(
    client: AsyncClient, node: FakeNode
) -> None:
    ids: list[str] = []

    async def send() -> None:
        ids.append((await client.send(BOBS, "once", idempotency_key="k")).id)

    async with trio.open_nursery() as nursery:
        for _ in range(50):
            nursery.start_soon(send)
    assert len(ids) == 50
    assert len(set(ids)) == len(node.sent) == 1


async def test_three_thousand_contacts_are_one_answer(client: AsyncClient, node: FakeNode) -> None:
    for number in range(3000):
        address = format_address(UserAddress(number.to_bytes(32, "big")))
        node.known[address] = StoredContact(address, "Bob", ContactState.CONTACT, 1.0)
    contacts = await client.contacts()
    assert [contact.address for contact in contacts] == list(node.known)
    assert len(contacts) == 3000
