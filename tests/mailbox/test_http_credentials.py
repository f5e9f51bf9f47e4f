"""The `Authorization` header of an owner who polls."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zentalk.errors import DecodeError
from zentalk.ids import MailboxId
from zentalk.mailbox.http_credentials import (
    Credentials,
    decode_base64,
    decode_base64_any,
    encode_base64,
    format_credentials,
    read_credentials,
)
from zentalk.mailbox.http_proof import HttpClaim

GOOD = Credentials(HttpClaim(MailboxId(b"m" * 32), 2**64 - 1, b"n" * 32), b"s" * 64)


def test_what_is_formatted_is_read_back() -> None:
    assert read_credentials(format_credentials(GOOD).encode()) == GOOD


@pytest.mark.parametrize("scheme", ["zentalk-collect", "ZENTALK-COLLECT", "Zentalk-Collect  "])
def test_the_scheme_has_no_case_and_may_be_followed_by_spaces(scheme: str) -> None:
    header = format_credentials(GOOD).replace("Zentalk-Collect", scheme)
    assert read_credentials(header.encode()) == GOOD


@given(st.binary(max_size=300))
def test_anything_else_is_a_decode_error(header: bytes) -> None:
    for text in (header, b"Zentalk-Collect " + header):
        with pytest.raises(DecodeError):
            read_credentials(text)


@pytest.mark.parametrize(
    "header",
    [
        format_credentials(GOOD).replace("Collect", "Collect-"),
        format_credentials(GOOD) + ".more",
        format_credentials(GOOD)[:-1],
        format_credentials(GOOD).replace(str(2**64 - 1), str(2**64)),
        format_credentials(GOOD).replace(str(2**64 - 1), "-1"),
        format_credentials(GOOD).replace(str(2**64 - 1), "1" * 5000),
        format_credentials(GOOD).replace(str(2**64 - 1), "²"),
        format_credentials(GOOD).replace(encode_base64(b"n" * 32), encode_base64(b"n" * 31)),
    ],
)
def test_what_is_nearly_right_is_refused(header: str) -> None:
    with pytest.raises(DecodeError):
        read_credentials(header.encode("latin-1"))


@given(st.binary(max_size=80))
def test_bytes_have_one_text(data: bytes) -> None:
    text = encode_base64(data)
    assert decode_base64_any(text) == decode_base64(text, len(data)) == data


@pytest.mark.parametrize("text", ["YQ==", "YR", "Y", "a b", "+/8", "ä", "YQ\n"])
def test_a_second_text_for_the_same_bytes_is_refused(text: str) -> None:
    with pytest.raises(DecodeError):
        decode_base64_any(text)
