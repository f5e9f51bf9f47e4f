"""Metadata goes, all of it, and nothing else: on files made by hand, part by part."""

from __future__ import annotations

import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.media import samples
from tests.media.samples import CANARY, chunk, jpeg_of, piece, png_of, riff, segment
from zentalk.errors import TooLargeError
from zentalk.media import metadata
from zentalk.media.facts import facts_of
from zentalk.media.formats import jpeg, parts, png, webp
from zentalk.media.formats.parts import MalformedPictureError
from zentalk.media.metadata import without_metadata

FORMATS = sorted(samples.DIRTY)


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_stays_but_what_is_needed(name: str) -> None:
    cleaned = without_metadata(samples.DIRTY[name])
    assert cleaned == samples.CLEAN[name]
    assert CANARY not in cleaned


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_clean_comes_back_as_it_is(name: str) -> None:
    assert without_metadata(samples.CLEAN[name]) == samples.CLEAN[name]


@pytest.mark.parametrize(
    ("name", "module", "kept", "more"),
    [
        ("jpeg", jpeg, "_TABLES", frozenset(range(0xE3, 0x100))),
        ("png", png, "_KEPT", frozenset((b"tEXt", b"caNv"))),
        ("webp", webp, "_KEPT", frozenset((b"XMP ", b"NOTE"))),
        ("webp", webp, "_PIXELS", frozenset((b"NOTE",))),
        ("webp", webp, "_ONCE", frozenset()),
    ],
)
def test_control_a_part_that_is_kept_for_nothing_shows_the_canary(
    monkeypatch: pytest.MonkeyPatch, name: str, module: object, kept: str, more: frozenset[object]
) -> None:
    monkeypatch.setattr(module, kept, getattr(module, kept) | more if more else more)
    assert CANARY in (without_metadata(samples.DIRTY[name]) or b"")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["jpeg", "png", "webp"])
def test_the_orientation_stays_and_is_not_written_where_it_says_nothing(
    name: str, orientation: int
) -> None:
    dirty = getattr(samples, name)(orientation)
    assert without_metadata(dirty) == getattr(samples, f"clean_{name}")(orientation)


@pytest.mark.parametrize("orientation", [0, 9, 0xFFFF])
def test_an_orientation_that_does_not_exist_is_upright(orientation: int) -> None:
    assert without_metadata(samples.jpeg(orientation)) == samples.clean_jpeg(1)


@pytest.mark.parametrize(
    "exif",
    [b"", b"II*\0", b"II*\0\xff\xff\xff\xff", b"XX*\0\x08\0\0\0", samples.tiff(6)[:20]],
)
def test_exif_that_cannot_be_read_goes_and_is_no_error(exif: bytes) -> None:
    dirty = jpeg_of(segment(0xE1, b"Exif\0\0" + exif))
    assert without_metadata(dirty) == jpeg_of()


def test_exif_in_the_other_order_of_bytes_is_read() -> None:
    cleaned = without_metadata(jpeg_of(segment(0xE1, b"Exif\0\0" + samples.tiff(8, ">"))))
    assert cleaned is not None
    turned = samples.clean_jpeg(8)
    assert jpeg.shape(cleaned) == jpeg.shape(turned) == (samples.WIDTH, samples.HEIGHT, 8)


def test_of_a_simple_webp_only_pixels_stay() -> None:
    for kind in (b"VP8 ", b"VP8L"):
        dirty = samples.simple_webp(kind, piece(b"EXIF", samples.tiff(6)), piece(b"NOTE", CANARY))
        assert without_metadata(dirty) == samples.simple_webp(kind)


def test_pixels_that_are_not_square_stay_so_without_their_density() -> None:
    jfif = b"JFIF\0\1\2\1" + struct.pack(">HH", 200, 100) + b"\0\0"
    plain = b"JFIF\0\1\2\0" + struct.pack(">HH", 2, 1) + b"\0\0"
    assert without_metadata(jpeg_of(segment(0xE0, jfif))) == jpeg_of(segment(0xE0, plain))
    across = struct.pack(">IIB", 4000, 2000, 1)
    plain = struct.pack(">IIB", 2, 1, 0)
    assert without_metadata(png_of(chunk(b"pHYs", across))) == png_of(chunk(b"pHYs", plain))


def test_other_formats_are_not_touched() -> None:
    for data in (b"", b"text", b"%PDF-1.7", samples.wav(), b"\0\0\0\x18ftypheic", b"BM"):
        assert without_metadata(data) is None


@pytest.mark.parametrize("name", FORMATS)
def test_a_picture_that_ends_too_early_is_an_error_wherever_it_ends(name: str) -> None:
    whole = samples.CLEAN[name]
    for size in range(12, len(whole)):
        with pytest.raises(MalformedPictureError, match="save it anew"):
            without_metadata(whole[:size])


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\xff\xd8\xff\xd9", "no picture"),
        (b"\xff\xd8" + segment(0xDA, b"") + b"\xff\xd9", "no picture"),
        (jpeg_of(segment(0xFE, b""), b"text"), "a marker is missing"),
        (jpeg_of(segment(0xF7, b"")), "marker f7"),
        (jpeg_of(b"\xff\xe5\0\1"), "no size"),
        (samples.CLEAN["png"].replace(b"IHDR", b"IHDX"), "its header"),
        (samples.CLEAN["png"].replace(b"\xb1\x8f", b"\xb1\x8e"), "checksum"),
        (png_of(chunk(b"CgBI", b"")), "no known meaning"),
        (png_of(chunk(b"iCCP", b"n" * 90)), "colour profile"),
        (b"\x89PNG\r\n\x1a\n" + samples.PNG_HEAD + chunk(b"IEND", b""), "no picture"),
        (riff(b"WEBP", [piece(b"ALPH", b"")]), "its header"),
        (riff(b"WEBP", [piece(b"VP8X", bytes(9))]), "its header"),
        (riff(b"WEBP", [piece(b"VP8X", bytes(10))]), "no picture"),
        (riff(b"WEBP", []), "its header"),
        (samples.GIF_HEAD + b"\x3b", "no picture"),
        (samples.GIF_HEAD + b"\0", "no known kind"),
        (samples.GIF_HEAD + b"\x21\xf9\x02ab\0", "the time"),
    ],
)
def test_what_contradicts_itself_is_an_error(data: bytes, why: str) -> None:
    with pytest.raises(MalformedPictureError, match=why):
        without_metadata(data)


@pytest.mark.parametrize(
    "many",
    [
        samples.GIF_HEAD + b"\x21\xfe" + b"\x01x" * 500 + b"\0" + samples.GIF_PICTURE + b"\x3b",
        jpeg_of(segment(0xFE, b""), b"\xff" * 500),
        jpeg_of(*[segment(0xFE, b"")] * 500),
        png_of(*[chunk(b"tEXt", b"")] * 500),
        samples.moving_webp(*[[piece(b"NOTE", b"")] * 50] * 10),
    ],
    ids=["gif", "filling", "jpeg", "png", "webp"],
)
def test_no_more_parts_are_read_than_a_picture_has(
    many: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert without_metadata(many) is not None
    monkeypatch.setattr(parts, "MAX_PARTS", 400)
    with pytest.raises(MalformedPictureError, match="more than 400 parts"):
        without_metadata(many)


def test_a_picture_that_is_too_large_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "MAX_PICTURE_BYTES", len(samples.DIRTY["gif"]) - 1)
    with pytest.raises(TooLargeError, match="smaller size"):
        without_metadata(samples.DIRTY["gif"])


def test_an_error_shows_nothing_of_the_picture() -> None:
    with pytest.raises(MalformedPictureError) as caught:
        without_metadata(samples.DIRTY["jpeg"][:400] + CANARY)
    assert CANARY.decode() not in str(caught.value)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A valid file with some bytes changed, taken out, put in or cut off."""
    files = [*samples.DIRTY.values(), *samples.CLEAN.values(), samples.simple_webp()]
    data = bytearray(draw(st.sampled_from(files)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        taken = draw(st.sampled_from((0, 0, 1, 1, 2, 4, 30, len(data))))
        data[at : at + taken] = draw(
            st.sampled_from((b"", b"\xff", b"\0\0")) | st.binary(max_size=8)
        )
    return bytes(data)


@given(mutated())
@example(b"\xff\xd8\xff")
def test_whatever_comes_gives_a_clean_picture_none_or_the_error(data: bytes) -> None:
    facts_of(data)
    facts_of(data[:64], data[-64:])
    try:
        cleaned = without_metadata(data)
    except MalformedPictureError:
        return
    if cleaned is not None:
        assert without_metadata(cleaned) == cleaned
        assert len(cleaned) <= len(data) + 40
