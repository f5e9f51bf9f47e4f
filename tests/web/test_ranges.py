"""Files over HTTP: whole, in ranges, under their names, and never as pages."""

from __future__ import annotations

from collections.abc import AsyncIterator, MutableMapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zentalk.errors import UnavailableError
from zentalk.web.ranges import (
    ByteRange,
    DownloadedFile,
    UnsatisfiableError,
    disposition,
    file_answer,
    read_range,
)

DATA = bytes(range(256)) * 4
FILE = DownloadedFile("cat.jpg", "image/jpeg", len(DATA), "abc")


async def pieces(start: int, length: int) -> AsyncIterator[bytes]:
    for at in range(start, start + length, 100):
        yield DATA[at : min(at + 100, start + length)]


async def answer(file: DownloadedFile = FILE, **headers: str) -> tuple[int, dict[str, str], bytes]:
    found: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        found.append(message)

    async def receive() -> MutableMapping[str, Any]:
        raise NotImplementedError

    asked = {name.replace("_", "-"): value for name, value in headers.items()}
    await file_answer(file, pieces, asked)({"type": "http"}, receive, send)
    head = {name.decode(): value.decode() for name, value in found[0]["headers"]}
    assert not found[-1].get("more_body")
    return found[0]["status"], head, b"".join(one["body"] for one in found[1:])


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("bytes=0-9", ByteRange(0, 10)),
        ("bytes=1000-", ByteRange(1000, 24)),
        ("bytes=-5", ByteRange(1019, 5)),
        ("bytes=1020-9999", ByteRange(1020, 4)),
        ("bytes=-9999", ByteRange(0, 1024)),
        (None, None),
        ("bytes=5-1", None),
        ("bytes=0-1,5-6", None),
        ("lines=0-1", None),
        ("bytes=--1", None),
    ],
)
def test_ranges_are_read(asked: str | None, found: ByteRange | None) -> None:
    assert read_range(asked, 1024) == found


@pytest.mark.parametrize("asked", ["bytes=1024-", "bytes=9999-99999", "bytes=-0"])
def test_ranges_beyond_the_end_are_refused(asked: str) -> None:
    with pytest.raises(UnsatisfiableError):
        read_range(asked, 1024)


@given(st.text(max_size=30), st.integers(0, 2000))
def test_whatever_is_asked_what_is_given_lies_in_the_file(asked: str, size: int) -> None:
    try:
        found = read_range(f"bytes={asked}", size)
    except UnsatisfiableError:
        return
    assert found is None or (found.length > 0 and found.start + found.length <= size)


async def test_a_file_comes_whole_or_in_part() -> None:
    status, head, body = await answer()
    assert (status, body, head["content-length"]) == (200, DATA, "1024")
    assert (head["accept-ranges"], head["etag"]) == ("bytes", '"abc"')
    status, head, body = await answer(range="bytes=250-499")
    assert (status, body) == (206, DATA[250:500])
    assert (head["content-range"], head["content-length"]) == ("bytes 250-499/1024", "250")
    status, head, body = await answer(range="bytes=2000-")
    assert (status, head["content-range"]) == (416, "bytes */1024")
    assert b"no byte of this file is in that range" in body


async def test_a_range_of_another_version_is_the_whole_file() -> None:
    assert (await answer(range="bytes=1-2", if_range='"abc"'))[0] == 206
    status, _, body = await answer(range="bytes=1-2", if_range='"old"')
    assert (status, body) == (200, DATA)


async def test_a_file_is_never_a_page() -> None:
    _, head, _ = await answer(FILE._replace(media_type="text/html", name="x.html"))
    assert head["content-disposition"] == 'attachment; filename="x.html"'
    assert head["x-content-type-options"] == "nosniff"
    assert "sandbox" in head["content-security-policy"]
    _, head, _ = await answer(FILE._replace(media_type="image/svg+xml"))
    assert head["content-disposition"].startswith("attachment")
    _, head, _ = await answer()
    assert head["content-disposition"] == 'inline; filename="cat.jpg"'


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("", "attachment"),
        ("a b.txt", 'attachment; filename="a b.txt"'),
        ('a"\r\nb', "attachment; filename=\"a___b\"; filename*=UTF-8''a%22%0D%0Ab"),
        ("Füße.pdf", "attachment; filename=\"F__e.pdf\"; filename*=UTF-8''F%C3%BC%C3%9Fe.pdf"),
        ("a\\b", "attachment; filename=\"a_b\"; filename*=UTF-8''a%5Cb"),
    ],
)
def test_names_of_files_cannot_leave_their_header(name: str, value: str) -> None:
    assert disposition("attachment", name) == value


async def test_an_empty_file_has_an_empty_body() -> None:
    assert (await answer(FILE._replace(size=0)))[::2] == (200, b"")


async def test_an_error_before_the_first_byte_is_not_half_an_answer() -> None:
    async def broken(_start: int, _length: int) -> AsyncIterator[bytes]:
        raise UnavailableError("nobody has it")
        yield b""

    async def send(_message: MutableMapping[str, Any]) -> None:
        raise AssertionError("the head was sent")

    async def receive() -> MutableMapping[str, Any]:
        raise NotImplementedError

    with pytest.raises(UnavailableError):
        await file_answer(FILE, broken, {})({}, receive, send)
