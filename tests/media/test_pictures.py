"""Metadata of real pictures, as Pillow writes and reads them."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest

from tests.media.samples import CANARY
from zentalk.media.facts import facts_of
from zentalk.media.metadata import without_metadata

pytest.importorskip("PIL", reason="needs Pillow: pip install 'zentalk[pictures]'")

from PIL import ExifTags, Image, ImageCms, ImageOps, PngImagePlugin

SIDES = (96, 64)
TURNED = 6
TEXT = CANARY.decode()
XMP = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a>{TEXT}</a></x:xmpmeta>'.encode()
PROFILE: bytes = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
KINDS = ["JPEG", "PNG", "WEBP"]


def scene(sides: tuple[int, int] = SIDES, shift: int = 0) -> Image.Image:
    """A picture in which no two corners are alike."""
    gradient = Image.linear_gradient("L").resize(sides)
    bands = (gradient, gradient.transpose(Image.Transpose.ROTATE_180), Image.new("L", sides, shift))
    return Image.merge("RGB", bands)


def exif_of_a_phone(orientation: int = TURNED) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.Make] = exif[ExifTags.Base.Model] = TEXT
    exif[ExifTags.Base.DateTime] = exif[ExifTags.Base.Artist] = TEXT
    exif.get_ifd(ExifTags.IFD.GPSInfo).update({1: "N", 2: (48.0, 12.0, 3.5), 29: TEXT})
    exif.get_ifd(ExifTags.IFD.Exif).update({0x9003: TEXT, 0xA431: TEXT, 0x9286: CANARY})
    return exif


def saved(image: Image.Image, kind: str, **more: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **more)
    return out.getvalue()


def dirty(kind: str, **more: Any) -> bytes:
    if kind == "PNG":
        texts = PngImagePlugin.PngInfo()
        texts.add_text("Author", TEXT)
        texts.add_itxt("XML:com.adobe.xmp", XMP.decode())
        texts.add(b"tIME", CANARY)
        more["pnginfo"] = texts
        more["dpi"] = (300, 300)
    else:
        more["xmp"] = XMP
    if kind == "JPEG":
        more |= {"comment": CANARY, "dpi": (300, 300), "quality": 90}
    return (
        saved(scene(), kind, exif=exif_of_a_phone(), icc_profile=PROFILE, **more)
        + CANARY
        + b"behind it"
    )


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def cleaned(data: bytes) -> bytes:
    found = without_metadata(data)
    assert found is not None
    assert CANARY not in found
    return found


def frames(data: bytes) -> list[tuple[bytes, Any]]:
    found = []
    with Image.open(io.BytesIO(data)) as image:
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            found.append((image.convert("RGBA").tobytes(), image.info.get("duration")))
    return found


@pytest.mark.parametrize("more", [{}, {"progressive": True}, {"lossless": True}])
@pytest.mark.parametrize("kind", KINDS)
def test_all_that_a_phone_adds_goes_and_the_pixels_stay(kind: str, more: dict[str, bool]) -> None:
    before = dirty(kind, **more)
    after = cleaned(before)
    old, new = opened(before), opened(after)
    assert before.count(CANARY) > 5
    assert (new.mode, new.size, new.tobytes()) == (old.mode, old.size, old.tobytes())
    assert new.info["icc_profile"] == PROFILE
    assert dict(new.getexif()) == {ExifTags.Base.Orientation: TURNED}
    assert not new.getexif().get_ifd(ExifTags.IFD.GPSInfo)
    assert new.info.pop("dpi", (72, 72)) == (72, 72)  # what Pillow says where nothing is said
    assert set(new.info) <= {
        *("exif", "icc_profile", "jfif", "jfif_version", "jfif_unit", "jfif_density"),
        *("progressive", "progression", "loop", "background", "duration", "timestamp"),
    }


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_shown_as_before(kind: str, orientation: int) -> None:
    before = saved(scene(), kind, exif=exif_of_a_phone(orientation))
    after = cleaned(before)
    shown = ImageOps.exif_transpose(opened(before))
    assert ImageOps.exif_transpose(opened(after)).tobytes() == shown.tobytes()
    assert facts_of(after)[1:3] == facts_of(before)[1:3] == shown.size
    assert (b"Exif" in after or b"eXIf" in after or b"EXIF" in after) == (orientation != 1)


def test_the_small_copy_inside_exif_goes() -> None:
    small = saved(scene((16, 12)), "JPEG", comment=CANARY)
    exif = exif_of_a_phone()
    exif.get_ifd(ExifTags.IFD.IFD1).update({0x0103: 6, 0x0201: small})
    assert cleaned(saved(scene(), "JPEG", exif=exif)).count(b"\xff\xd8\xff") == 1


def test_further_pictures_behind_the_first_go() -> None:
    second = scene(shift=99)
    second.info["comment"] = CANARY
    both = saved(scene(), "MPO", save_all=True, append_images=[second], exif=exif_of_a_phone())
    assert Image.open(io.BytesIO(both)).n_frames == 2  # type: ignore[attr-defined]  # of MPO
    after = cleaned(both)
    assert opened(after).format == "JPEG"
    assert opened(after).tobytes() == opened(both).tobytes()


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF"])
def test_what_moves_moves_on(kind: str) -> None:
    more = [scene(shift=shift) for shift in (60, 120, 180)]
    info = {"comment": CANARY} if kind == "GIF" else {"exif": exif_of_a_phone(1)}
    before = saved(
        scene(),
        kind,
        save_all=True,
        append_images=more,
        duration=[40, 80, 120, 160],
        loop=3,
        **info,
    )
    after = cleaned(before + CANARY)
    assert CANARY in before
    assert len(frames(before)) == 4
    assert frames(after) == frames(before)
    assert opened(after).info.get("loop") == 3


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        *(("JPEG", "L"), ("JPEG", "CMYK"), ("PNG", "1"), ("PNG", "L"), ("PNG", "LA"), ("PNG", "P")),
        *(("PNG", "RGBA"), ("PNG", "I;16"), ("WEBP", "RGBA"), ("GIF", "P"), ("GIF", "L")),
    ],
)
def test_pixels_of_every_mode_stay(kind: str, mode: str) -> None:
    image = scene().convert("L").convert("I;16") if mode == "I;16" else scene().convert(mode)
    if mode in ("RGBA", "LA"):
        image.putalpha(scene().getchannel(0))
    before = saved(image, kind, **({"transparency": 3} if mode == "P" else {}))
    old, new = opened(before), opened(cleaned(before))
    assert (new.mode, new.info.get("transparency")) == (old.mode, old.info.get("transparency"))
    assert (new.getpalette(), new.tobytes()) == (old.getpalette(), old.tobytes())


@pytest.mark.parametrize("kind", [*KINDS, "GIF"])
def test_a_picture_without_metadata_comes_back_as_it_is(kind: str) -> None:
    plain = saved(scene(), kind)
    assert without_metadata(plain) == plain


@pytest.mark.parametrize("kind", ["TIFF", "BMP", "PPM", "ICO"])
def test_other_formats_are_not_touched(kind: str) -> None:
    assert without_metadata(saved(scene(), kind)) is None


def test_control_a_camera_s_file_that_is_copied_shows_the_canary() -> None:
    copy: Callable[[bytes], bytes] = bytes
    with pytest.raises(AssertionError):
        assert CANARY not in copy(dirty("JPEG"))
