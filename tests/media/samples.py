"""Files made by hand, with a canary in every place where a program could leave something.

Their compressed data is nonsense: nothing here decodes it, and nothing may change it.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable

CANARY = b"canary-7f3a"
PROFILE = b"a colour profile"
PIXELS = bytes(range(1, 200)) + b"\xff\x00\xff\xd0" + bytes(range(40))
WIDTH, HEIGHT = 40, 30


def tiff(orientation: int, order: str = "<") -> bytes:
    """Exif as a camera writes it: texts, a place, and a second directory with a small copy."""
    texts = {0x010F: CANARY, 0x0132: b"2026:01:02 " + CANARY, 0x8825: b"GPS " + CANARY}
    entries, blobs = [], b""
    blobs_at = 8 + 2 + 12 * (len(texts) + 1) + 4
    for tag, text in sorted({**texts, 0x0112: b""}.items()):
        if tag == 0x0112:
            entries.append(struct.pack(f"{order}HHIHH", tag, 3, 1, orientation, 0))
            continue
        entries.append(struct.pack(f"{order}HHII", tag, 2, len(text), blobs_at + len(blobs)))
        blobs += text
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    count = struct.pack(f"{order}H", len(entries))
    return head + count + b"".join(entries) + bytes(4) + blobs + b"\xff\xd8" + CANARY + b"\xff\xd9"


# --- JPEG ----------------------------------------------------------------------------------------

JPEG_FRAME = b"\x08" + struct.pack(">HH", HEIGHT, WIDTH) + b"\x01\x01\x11\x00"
JPEG_TABLES = [(0xDB, bytes(65)), (0xC4, bytes(20)), (0xDD, b"\0\x08")]
JPEG_SCAN = b"\x01\x01\x00\x00\x3f\x00"


def segment(marker: int, payload: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(payload) + 2) + payload


def jpeg_of(*before: bytes, between: bytes = b"", after: bytes = b"") -> bytes:
    """A JPEG of two scans, with segments before the tables and between the scans."""
    tables = b"".join(segment(*one) for one in JPEG_TABLES)
    scan = segment(0xDA, JPEG_SCAN) + PIXELS
    body = b"".join(before) + tables + segment(0xC2, JPEG_FRAME) + scan + between + scan
    return b"\xff\xd8" + body + b"\xff\xd9" + after


def jpeg(orientation: int = 6) -> bytes:
    return jpeg_of(
        segment(0xE0, b"JFIF\0\1\2\1\0\x48\0\x48\1\1" + b"rgb" + CANARY),
        segment(0xE0, b"JFXX\0\x10" + CANARY),
        segment(0xE1, b"Exif\0\0" + tiff(orientation)),
        segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta " + CANARY),
        segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + CANARY),
        segment(0xE2, b"ICC_PROFILE\0\1\1" + PROFILE),
        segment(0xE2, b"MPF\0" + CANARY),
        segment(0xEB, b"JP " + CANARY),
        segment(0xED, b"Photoshop 3.0\x008BIM\4\4" + CANARY),
        segment(0xEE, b"Adobe\0\x64\0\0\0\0\1" + CANARY),
        b"\xff\xff" + segment(0xFE, CANARY),
        between=segment(0xFE, CANARY) + segment(0xEF, CANARY),
        after=b"\xff\xd8" + CANARY + b"\xff\xd9" + CANARY,
    )


def clean_jpeg(orientation: int = 6) -> bytes:
    exif = b"Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0" + bytes((orientation,)) + bytes(7)
    return jpeg_of(
        segment(0xE0, b"JFIF\0\1\2\0\0\1\0\1\0\0"),
        segment(0xE1, exif) if orientation != 1 else b"",
        segment(0xE2, b"ICC_PROFILE\0\1\1" + PROFILE),
        segment(0xEE, b"Adobe\0\x64\0\0\0\0\1"),
    )


# --- PNG -----------------------------------------------------------------------------------------


def chunk(kind: bytes, payload: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + payload))
    return struct.pack(">I", len(payload)) + kind + payload + checksum


PNG_HEAD = chunk(b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0))
PNG_DATA = chunk(b"IDAT", PIXELS)
PNG_MOVES = chunk(b"acTL", bytes(8)) + chunk(b"fcTL", bytes(26))


def png_of(*before: bytes, after: bytes = b"", behind: bytes = b"") -> bytes:
    body = b"".join(before) + PNG_MOVES + PNG_DATA + PNG_DATA + chunk(b"fdAT", b"\0\0\0\1" + PIXELS)
    return b"\x89PNG\r\n\x1a\n" + PNG_HEAD + body + after + chunk(b"IEND", b"") + behind


def png(orientation: int = 6) -> bytes:
    return png_of(
        chunk(b"iCCP", b"Display of " + CANARY + b"\0\0" + PROFILE),
        chunk(b"gAMA", b"\0\0\xb1\x8f"),
        chunk(b"pHYs", struct.pack(">IIB", 2835, 2835, 1)),
        chunk(b"tEXt", b"Author\0" + CANARY),
        chunk(b"zTXt", b"Comment\0\0" + zlib.compress(CANARY, 0)),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + CANARY),
        chunk(b"caNv", CANARY),
        chunk(b"tIME", struct.pack(">HBBBBB", 2026, 1, 2, 3, 4, 5)),
        after=chunk(b"eXIf", tiff(orientation, ">")) + chunk(b"tEXt", b"Late\0" + CANARY),
        behind=CANARY,
    )


def clean_png(orientation: int = 6) -> bytes:
    exif = b"II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0" + bytes((orientation,)) + bytes(7)
    return png_of(
        chunk(b"eXIf", exif) if orientation != 1 else b"",
        chunk(b"iCCP", b"icc\0\0" + PROFILE),
        chunk(b"gAMA", b"\0\0\xb1\x8f"),
    )


# --- WebP ----------------------------------------------------------------------------------------

LOSSY_HEAD = b"\x30\x01\0\x9d\x01\x2a" + struct.pack("<HH", WIDTH, HEIGHT)
LOSSLESS_HEAD = b"\x2f" + struct.pack("<I", (WIDTH - 1) | (HEIGHT - 1) << 14)
CANVAS = (WIDTH - 1).to_bytes(3, "little") + (HEIGHT - 1).to_bytes(3, "little")


def piece(kind: bytes, payload: bytes, fill: bytes = b"\0") -> bytes:
    return kind + struct.pack("<I", len(payload)) + payload + fill * (len(payload) % 2)


def riff(form: bytes, pieces: Iterable[bytes], behind: bytes = b"") -> bytes:
    body = form + b"".join(pieces)
    return b"RIFF" + struct.pack("<I", len(body)) + body + behind


def _frame(*more: bytes) -> bytes:
    return piece(b"ANMF", bytes(16) + piece(b"VP8 ", LOSSY_HEAD + PIXELS) + b"".join(more))


def webp(orientation: int = 6) -> bytes:
    return riff(
        b"WEBP",
        [
            piece(b"VP8X", b"\xff\xca\xca\xca" + CANVAS + CANARY),
            piece(b"ICCP", PROFILE),
            piece(b"ICCP", CANARY),
            piece(b"ANIM", bytes(6)),
            _frame(piece(b"NOTE", CANARY, b"\xca")),
            piece(b"ALPH", b"odd", b"\xca"),
            piece(b"VP8 ", LOSSY_HEAD + PIXELS),
            piece(b"EXIF", b"Exif\0\0" + tiff(orientation)),
            piece(b"XMP ", CANARY),
            piece(b"NOTE", CANARY),
        ],
        behind=CANARY,
    )


def clean_webp(orientation: int = 6) -> bytes:
    flags = 0x32 if orientation == 1 else 0x3A
    exif = b"II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0" + bytes((orientation,)) + bytes(7)
    return riff(
        b"WEBP",
        [
            piece(b"VP8X", bytes((flags, 0, 0, 0)) + CANVAS),
            piece(b"ICCP", PROFILE),
            piece(b"ANIM", bytes(6)),
            _frame(),
            piece(b"ALPH", b"odd"),
            piece(b"VP8 ", LOSSY_HEAD + PIXELS),
            piece(b"EXIF", exif) if orientation != 1 else b"",
        ],
    )


def moving_webp(*frames: Iterable[bytes]) -> bytes:
    """A WebP with these pieces in its frames, beside their pixels."""
    head = piece(b"VP8X", b"\x02\0\0\0" + CANVAS)
    return riff(b"WEBP", [head, piece(b"ANIM", bytes(6)), *(_frame(*more) for more in frames)])


def simple_webp(kind: bytes = b"VP8L", *more: bytes) -> bytes:
    head = LOSSLESS_HEAD if kind == b"VP8L" else LOSSY_HEAD
    return riff(b"WEBP", [piece(kind, head + PIXELS), *more])


# --- GIF -----------------------------------------------------------------------------------------

GIF_HEAD = b"GIF89a" + struct.pack("<HH", WIDTH, HEIGHT) + b"\x80\0\0" + b"colour"
GIF_CONTROL = b"\x21\xf9\x04\0\x0a\0\0\0"
GIF_PICTURE = (
    b"\x2c" + struct.pack("<HHHH", 0, 0, WIDTH, HEIGHT) + b"\x80table!\x02\x05pixel\x04data\0"
)


def blocks(*parts: bytes) -> bytes:
    return b"".join(bytes((len(part),)) + part for part in parts) + b"\0"


def application(name: bytes, *parts: bytes) -> bytes:
    return b"\x21\xff" + blocks(name, *parts)


def gif() -> bytes:
    return b"".join(
        (
            GIF_HEAD,
            application(b"NETSCAPE2.0", b"\x01\x05\0", b"\x02" + CANARY),
            application(b"ICCRGBG1012", PROFILE, PROFILE),
            application(b"XMP DataXMP", b"<x:xmpmeta " + CANARY),
            application(b"another one", CANARY),
            b"\x21\xfe" + blocks(CANARY, CANARY),
            GIF_CONTROL + b"\x21\x01" + blocks(bytes(12), CANARY),
            GIF_CONTROL + b"\x21\xfe" + blocks(CANARY) + GIF_PICTURE,
            b"\x21\x77" + blocks(CANARY),
            GIF_CONTROL + GIF_PICTURE,
            b"\x3b" + CANARY,
        )
    )


def clean_gif() -> bytes:
    return b"".join(
        (
            GIF_HEAD,
            application(b"NETSCAPE2.0", b"\x01\x05\0"),
            application(b"ICCRGBG1012", PROFILE, PROFILE),
            *(GIF_CONTROL + GIF_PICTURE,) * 2,
            b"\x3b",
        )
    )


# --- sounds --------------------------------------------------------------------------------------


def wav(milliseconds: int = 1500, *before: bytes) -> bytes:
    """Silence of 8,000 samples of 16 bits a second."""
    form = struct.pack("<HHIIHH", 1, 1, 8000, 16000, 2, 16)
    data = bytes(16 * milliseconds)
    return riff(b"WAVE", [piece(b"fmt ", form), *before, piece(b"data", data)])


def page(place: int, payload: bytes, serial: int = 7) -> bytes:
    head = struct.pack("<4sBBqIIIB", b"OggS", 0, 2, place, serial, 0, 0, 1)
    return head + bytes((len(payload),)) + payload


def opus(milliseconds: int = 1500, skipped: int = 312) -> bytes:
    head = b"OpusHead\x01\x01" + struct.pack("<HIhB", skipped, 16000, 0, 0)
    return (
        page(0, head)
        + page(0, b"OpusTags")
        + page(48 * milliseconds + skipped, b"the last of the sound")
    )


DIRTY = {"jpeg": jpeg(), "png": png(), "webp": webp(), "gif": gif()}
CLEAN = {"jpeg": clean_jpeg(), "png": clean_png(), "webp": clean_webp(), "gif": clean_gif()}
