"""`direct.mail`, and the contents of direct connections: what is written is read, strictly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zentalk.errors import DecodeError, RefusedError
from zentalk.ids import MessageId, SendId
from zentalk.wire import rpc_direct as rpc
from zentalk.wire.chat import Body, DirectConsent, OfferSignal, kind_of
from zentalk.wire.codec import pack, unpack
from zentalk.wire.content import Content, decode_content, encode_content
from zentalk.wire.deposit import ENVELOPE_LARGE_BYTES, ENVELOPE_SMALL_BYTES
from zentalk.wire.direct import MAX_OFFER_BYTES
from zentalk.wire.rpc import decode_call, encode_call, encode_refusal

SEND_ID = SendId(b"s" * 16)


@pytest.mark.parametrize("size", [ENVELOPE_SMALL_BYTES, ENVELOPE_LARGE_BYTES])
def test_a_copy_comes_back_and_shows_nothing_of_itself(size: int) -> None:
    mail = rpc.DirectMail(SEND_ID, b"e" * size)
    method, fields = decode_call(rpc.encode_mail_request(mail))
    assert method == rpc.MAIL
    assert rpc.decode_mail_request(fields) == mail
    assert repr(mail) == "DirectMail()"


@pytest.mark.parametrize("size", [0, 1, ENVELOPE_SMALL_BYTES - 1, ENVELOPE_SMALL_BYTES + 1])
def test_an_envelope_of_another_size_is_refused(size: int) -> None:
    _, fields = decode_call(encode_call(rpc.MAIL, SEND_ID, bytes(size)))
    with pytest.raises(DecodeError, match="constant size"):
        rpc.decode_mail_request(fields)


@pytest.mark.parametrize(
    "fields",
    [
        (),
        (SEND_ID,),
        (SEND_ID[:15], bytes(ENVELOPE_SMALL_BYTES)),
        (SEND_ID, bytes(ENVELOPE_LARGE_BYTES + 1)),
        (SEND_ID, bytes(ENVELOPE_SMALL_BYTES), 1),
    ],
)
def test_a_request_of_another_shape_is_refused(fields: tuple[bytes | int, ...]) -> None:
    _, found = decode_call(encode_call(rpc.MAIL, *fields))
    with pytest.raises(DecodeError):
        rpc.decode_mail_request(found)


def test_an_answer_says_saved_or_why_not_and_nothing_more() -> None:
    rpc.decode_mail_response(rpc.encode_mail_response())
    for reason in (rpc.FULL, rpc.NOT_YOURS):
        with pytest.raises(RefusedError) as refused:
            rpc.decode_mail_response(encode_refusal(reason))
        assert refused.value.reason == reason
    longer = unpack(rpc.encode_mail_response(), max_bytes=100)
    assert isinstance(longer, list)
    with pytest.raises(DecodeError):
        rpc.decode_mail_response(pack([*longer, 1]))


BODIES = st.one_of(
    st.builds(DirectConsent, st.integers(0, 2**53 - 1), st.booleans()),
    st.builds(OfferSignal, st.binary(max_size=MAX_OFFER_BYTES)),
)


def content(body: Body) -> Content:
    return Content(kind_of(body), MessageId(b"m" * 16), body=body)


@given(BODIES)
def test_consents_and_offers_come_back(body: Body) -> None:
    assert decode_content(encode_content(content(body))).body == body


@pytest.mark.parametrize(
    "body",
    [
        OfferSignal(bytes(MAX_OFFER_BYTES + 1)),
        DirectConsent(2**53 + 1, allowed=True),
        DirectConsent(-1, allowed=True),
        DirectConsent(1, allowed=1),  # type: ignore[arg-type]  # a number is no yes
    ],
)
def test_what_is_out_of_bounds_is_refused(body: Body) -> None:
    with pytest.raises(DecodeError):
        decode_content(encode_content(content(body)))


def test_an_offer_shows_nothing_of_itself() -> None:
    assert repr(OfferSignal(b"secret")) == "OfferSignal()"
