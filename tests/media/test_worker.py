"""The worker with Pillow: real pictures, bombs, and what it may not do."""

from __future__ import annotations

import io
import os
import signal
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.media import samples
from tests.media.samples import CANARY
from tests.media.stub_workers import GOOD, stub
from zentalk.media import preview
from zentalk.media.metadata import MAX_PICTURE_BYTES, without_metadata
from zentalk.media.preview import SIDE_PIXELS, Preview, preview_of
from zentalk.wire.chat import MAX_PREVIEW_BYTES

pytest.importorskip("PIL", reason="needs Pillow: pip install 'zentalk[pictures]'")

from PIL import ExifTags, Image

from zentalk.media import worker

KINDS = ["JPEG", "PNG", "WEBP", "GIF"]


def saved(image: Image.Image, kind: str, **more: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **more)
    return out.getvalue()


def noise(mode: str = "RGB", sides: tuple[int, int] = (800, 600)) -> Image.Image:
    """What no format makes small."""
    image = Image.effect_noise(sides, 120)
    return image.convert("I;16") if mode == "I;16" else image.convert(mode)


def corners(sides: tuple[int, int]) -> Image.Image:
    """A picture that is red at the upper left, and blue elsewhere."""
    image = Image.new("RGB", sides, "blue")
    image.paste("red", (0, 0, sides[0] // 2, sides[1] // 2))
    return image


def shown(found: Preview | None) -> Image.Image:
    assert found is not None
    image = Image.open(io.BytesIO(found.data))
    image.load()
    assert image.size == (found.width, found.height)
    assert len(found.data) <= MAX_PREVIEW_BYTES
    return image


@pytest.mark.parametrize("kind", KINDS)
async def test_a_preview_is_small_and_says_nothing_else(kind: str) -> None:
    more: dict[str, Any] = {"comment": CANARY} if kind == "GIF" else {"xmp": CANARY}
    found = await preview_of(saved(noise(), kind, icc_profile=CANARY, **more))
    image = shown(found)
    assert image.format == "JPEG"
    assert 0 < max(image.size) <= SIDE_PIXELS
    assert found is not None
    assert CANARY not in found.data
    assert without_metadata(found.data) == found.data


async def test_what_compresses_well_has_its_longest_side(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(saved(corners((1600, 1200)), "PNG"))
    assert shown(await preview_of(file)).size == (320, 240)


async def test_what_is_small_is_not_made_larger() -> None:
    assert shown(await preview_of(saved(corners((20, 10)), "PNG"))).size == (20, 10)


@pytest.mark.parametrize(
    ("kind", "orientation"), [*(("JPEG", one) for one in range(1, 9)), ("PNG", 6), ("WEBP", 8)]
)
async def test_it_is_upright(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.Make] = CANARY.decode()
    stored = corners((800, 600))
    data = saved(stored, kind, exif=exif)
    image = shown(await preview_of(data)).convert("RGB")
    assert image.size == ((240, 320) if orientation >= 5 else (320, 240))
    right, low = orientation in (2, 3, 6, 7), orientation in (3, 4, 7, 8)
    place = image.width * (1 + 2 * right) // 4, image.height * (1 + 2 * low) // 4
    pixel = image.getpixel(place)
    assert isinstance(pixel, tuple)
    assert pixel[0] > 200 > 50 > pixel[2]


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        *(("JPEG", "L"), ("JPEG", "CMYK"), ("PNG", "1"), ("PNG", "L"), ("PNG", "P"), ("PNG", "LA")),
        *(("PNG", "RGBA"), ("PNG", "I;16"), ("WEBP", "RGBA"), ("GIF", "P"), ("GIF", "L")),
    ],
)
async def test_pictures_of_every_mode_have_one(kind: str, mode: str) -> None:
    image = shown(await preview_of(saved(noise(mode), kind)))
    has_alpha = mode in ("LA", "RGBA") and kind == "PNG"  # a WebP has none where all is opaque
    assert image.format == ("WEBP" if has_alpha else "JPEG")


@pytest.mark.parametrize("mode", ["P", "RGB", "RGBA"])
async def test_what_is_transparent_stays_so(mode: str) -> None:
    image = Image.new(mode, (40, 40), 0)
    clear: Any = (0, 0, 0) if mode == "RGB" else 0
    more = {} if mode == "RGBA" else {"transparency": clear}
    found = shown(await preview_of(saved(image, "PNG", **more)))
    assert found.format == "WEBP"
    assert found.getchannel("A").getextrema() == (0, 0)


async def test_grey_of_sixteen_bits_keeps_its_scale() -> None:
    image = Image.new("I;16", (40, 40), 0x8000)
    found = shown(await preview_of(saved(image, "PNG"))).convert("L")
    assert set(found.tobytes()) <= set(range(120, 137))


async def test_a_photo_with_a_second_picture_behind_it_has_one() -> None:
    both = saved(corners((400, 300)), "MPO", save_all=True, append_images=[noise()])
    assert shown(await preview_of(both)).size == (320, 240)


# --- what has none ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["TIFF", "BMP", "PPM", "ICO", "TGA", "PDF"])
async def test_other_formats_have_none(kind: str) -> None:
    assert await preview_of(saved(noise(), kind)) is None


@pytest.mark.parametrize("kind", KINDS)
async def test_a_picture_that_ends_too_early_has_none(kind: str) -> None:
    whole = saved(noise(), kind)
    assert await preview_of(whole) is not None
    for size in (0, 12, 40, len(whole) // 2):
        assert await preview_of(whole[:size]) is None


async def test_nonsense_has_none() -> None:
    for data in (*samples.DIRTY.values(), samples.wav(), b"text" * 9):
        assert await preview_of(data) is None


def bombs() -> dict[str, bytes]:
    """Small files that claim gigabytes of pixels."""
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 6, 0, 0, 0)
    rows = zlib.compress(bytes(2**24))
    chunks = [(b"IHDR", head), (b"IDAT", rows), (b"IEND", b"")]
    png = b"\x89PNG\r\n\x1a\n" + b"".join(samples.chunk(*one) for one in chunks)
    gif = (
        b"GIF89a" + b"\xff\xff\xff\xff\0\0\0" + b"\x2c\0\0\0\0\xff\xff\xff\xff\0\x08\x02\0\1\0\x3b"
    )
    jpeg = saved(Image.new("L", (8, 8)), "JPEG")
    return {
        "png": png,
        "gif": gif,
        "jpeg": jpeg.replace(
            b"\xff\xc0\0\x0b\x08\0\x08\0\x08", b"\xff\xc0\0\x0b\x08\xff\xdc\xff\xdc"
        ),
    }


@pytest.mark.parametrize("name", sorted(bombs()))
async def test_a_bomb_has_none(name: str) -> None:
    assert await preview_of(bombs()[name]) is None


LARGE = """
sys.argv = ["worker", "16384", "320"]
worker.MAX_PIXELS = {pixels}
sys.exit(worker.main(sys.argv[1:]))
"""


@pytest.mark.parametrize("is_bounded", [True, False], ids=["bounded", "control"])
async def test_no_more_pixels_are_decoded_than_64_million(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_bounded: bool
) -> None:
    pixels = worker.MAX_PIXELS if is_bounded else 10**9
    monkeypatch.setattr(preview, "WORKER", stub(tmp_path, LARGE.format(pixels=pixels), real=True))
    found = await preview_of(saved(Image.new("L", (8001, 8000)), "PNG", compress_level=1))
    assert (found is None) == is_bounded


# --- what a decoder that was taken over may do ---------------------------------------------------

TAKEN_OVER = """
worker.load_decoders()
{give_up}
sys.stdin.buffer.read()
{act}
out.write(GOOD)
"""
ACTS = {
    "eat memory": "mmap.mmap(-1, 2**30)",
    "open a file": "open(__file__)",
    "list a folder": "os.listdir('/')",
    "open a socket": "socket.socket()",
    "start a program": "subprocess.run(['true'])",
    "write into a file": "os.write(target, b'x' * 9)",
}


@pytest.mark.parametrize("act", sorted(ACTS))
@pytest.mark.parametrize("has_rights", [False, True], ids=["given up", "control"])
async def test_a_worker_cannot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: str, has_rights: bool
) -> None:
    before = f"target = os.open({str(tmp_path / 'made')!r}, os.O_CREAT | os.O_WRONLY)"
    give_up = before if has_rights else f"{before}\nworker.give_up_rights()"
    body = TAKEN_OVER.format(give_up=give_up, act=ACTS[act])
    monkeypatch.setattr(preview, "WORKER", stub(tmp_path, body, real=True))
    found = await preview_of(b"a picture")
    assert (found is not None) == has_rights
    assert found is None or found.data == GOOD


async def test_a_worker_that_counts_for_ever_is_ended_after_its_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = TAKEN_OVER.format(give_up="worker.CPU_SECONDS = 1\nworker.give_up_rights()", act="""
assert resource.getrlimit(resource.RLIMIT_CPU) == (1, 1)
while True: pass""")  # fmt: skip
    ended: list[int | None] = []
    end: Callable[[Any], Any] = preview._end

    async def note(process: Any) -> None:
        ended.append(await process.wait())
        await end(process)

    monkeypatch.setattr(preview, "_end", note)
    monkeypatch.setattr(preview, "WORKER", stub(tmp_path, body, real=True))
    assert await preview_of(b"a picture") is None
    assert ended == [-signal.SIGKILL]
    assert worker.CPU_SECONDS < preview.DEADLINE_SECONDS


def test_both_ends_read_pictures_of_one_size() -> None:
    assert worker.MAX_INPUT_BYTES == MAX_PICTURE_BYTES
    assert os.access(preview.WORKER, os.R_OK)
