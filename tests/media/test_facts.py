"""Facts about files: what they are by their first bytes, how large, and how long."""

from __future__ import annotations

import struct

import pytest

from tests.media import samples
from tests.media.samples import HEIGHT, WIDTH, page, piece
from zentalk.media.facts import HEAD_BYTES, TAIL_BYTES, MediaFacts, facts_of

STARTS = {
    b"%PDF-1.7\n": "application/pdf",
    b"II*\0\x08\0\0\0": "image/tiff",
    b"ID3\x04\0": "audio/mpeg",
    b"\xff\xfb\x90\x64": "audio/mpeg",
    b"\xff\xf3\x48\xc4": "audio/mpeg",
    b"\xff\xf1\x50\x80": "audio/aac",
    b"fLaC\0": "audio/flac",
    b"#!AMR\n": "audio/amr",
    b"\0\0\0\x1cftypM4A \0": "audio/mp4",
    b"\0\0\0\x1cftypisom\0": "video/mp4",
    b"\0\0\0\x1cftypmp42\0": "video/mp4",
    b"\0\0\0\x14ftypqt  \0": "video/quicktime",
    b"\0\0\0\x18ftypheic\0": "image/heic",
    b"\0\0\0\x18ftypavif\0": "image/avif",
    b"\0\0\0\x18ftyp3gp5\0": "video/3gpp",
    b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm": "video/webm",
    b"\x1a\x45\xdf\xa3\xa3\x42\x82\x88matroska": "video/matroska",
    b"OggS" + bytes(24) + b"\x80theora": "video/ogg",
    b"OggS" + bytes(24) + b"\x01vorbis": "audio/ogg",
    b"RIFF\0\0\0\0AVI LIST": "video/vnd.avi",
    b"RIFF\0\0\0\0ACONanih": "application/octet-stream",
    b"\0\0\0\x1cftypnone\0": "application/octet-stream",
    b"\xff\xff\xff\xff": "application/octet-stream",
    b"\xff\xfb\xf0\x64": "application/octet-stream",
    b"\xff\xfe\0t": "application/octet-stream",
    b"MZ\x90\0": "application/octet-stream",
    b"<svg xmlns=": "application/octet-stream",
    b"": "application/octet-stream",
}


@pytest.mark.parametrize("start", STARTS)
def test_a_file_is_known_by_its_first_bytes(start: bytes) -> None:
    assert facts_of(start) == (STARTS[start], 0, 0, 0)


@pytest.mark.parametrize("name", ["jpeg", "png", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_has_the_sides_that_it_is_shown_with(name: str, orientation: int) -> None:
    sides = (HEIGHT, WIDTH) if orientation >= 5 else (WIDTH, HEIGHT)
    for picture in (getattr(samples, name), getattr(samples, f"clean_{name}")):
        assert facts_of(picture(orientation)) == (f"image/{name}", *sides, 0)


def test_a_gif_and_simple_webps_have_the_sides_of_their_headers() -> None:
    assert facts_of(samples.gif()) == ("image/gif", WIDTH, HEIGHT, 0)
    for kind in (b"VP8 ", b"VP8L"):
        assert facts_of(samples.simple_webp(kind)) == ("image/webp", WIDTH, HEIGHT, 0)


@pytest.mark.parametrize("name", ["png", "webp", "gif"])
def test_without_its_end_a_picture_still_has_sides(name: str) -> None:
    facts = facts_of(samples.DIRTY[name][:60])
    assert (facts.width, facts.height) == (WIDTH, HEIGHT)


@pytest.mark.parametrize("name", sorted(samples.DIRTY))
def test_without_its_header_a_picture_has_none(name: str) -> None:
    assert facts_of(samples.DIRTY[name][:12]) == (f"image/{name}", 0, 0, 0)


def test_sides_that_a_card_cannot_say_are_unknown() -> None:
    for width in (0, 65_536):
        head = samples.chunk(b"IHDR", struct.pack(">IIBBBBB", width, 9, 8, 2, 0, 0, 0))
        assert facts_of(b"\x89PNG\r\n\x1a\n" + head)[1:3] == (0, 0)


def test_a_wav_says_its_length_in_its_head() -> None:
    note = samples.wav(1500, piece(b"LIST", b"INFOodd"))
    assert facts_of(note[:200]) == ("audio/wav", 0, 0, 1500)


@pytest.mark.parametrize("size", [0, 2**32 - 1])
def test_a_wav_that_was_streamed_does_not(size: int) -> None:
    head = samples.wav(0)[:-4] + struct.pack("<I", size)
    assert facts_of(head).milliseconds == 0


def test_a_wav_without_rate_or_data_does_not() -> None:
    assert facts_of(samples.wav().replace(struct.pack("<I", 16000), bytes(4))).milliseconds == 0
    assert facts_of(samples.wav()[:36]).milliseconds == 0


def test_a_voice_note_says_its_length_by_both_ends() -> None:
    note = samples.opus(61_500)
    assert facts_of(note) == ("audio/ogg", 0, 0, 61_500)
    assert facts_of(note[:100], note[-60:]).milliseconds == 61_500
    assert HEAD_BYTES >= TAIL_BYTES >= 65_307, "the longest page of Ogg"


@pytest.mark.parametrize(
    "tail",
    [
        b"no page",
        b"OggS",
        page(72_000, b"of another sound", serial=8),
        page(-1, b""),
        page(311, b""),
    ],
)
def test_a_voice_note_without_its_last_page_does_not(tail: bytes) -> None:
    assert facts_of(samples.opus(), tail).milliseconds == 0


def test_another_sound_in_ogg_does_not() -> None:
    assert facts_of(page(0, b"\x01vorbis") + page(48_000, b"")).milliseconds == 0


def test_facts_show_nothing_of_a_file_where_they_are_printed() -> None:
    assert repr(MediaFacts("image/png", 1, 2)) == "<facts>"
