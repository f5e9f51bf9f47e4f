"""Media types by the first bytes of a file.

Sources: the registrations of each type at IANA; ISO/IEC 14496-12 section 4.3 (brands), RFC 9559
(Matroska), RFC 3533 (Ogg), ISO/IEC 11172-3 section 2.4.2.3 (frames of MP3).
"""

from __future__ import annotations

from typing import Final

UNKNOWN: Final = "application/octet-stream"
JPEG: Final = "image/jpeg"
PNG: Final = "image/png"
WEBP: Final = "image/webp"
GIF: Final = "image/gif"
WAV: Final = "audio/wav"
OGG: Final = "audio/ogg"

_STARTS: Final = (
    (b"\xff\xd8\xff", JPEG),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"%PDF-", "application/pdf"),
    (b"ID3", "audio/mpeg"),
    (b"fLaC", "audio/flac"),
    (b"#!AMR", "audio/amr"),
)
_RIFF_FORMS: Final = {b"WEBP": WEBP, b"WAVE": WAV, b"AVI ": "video/vnd.avi"}
_BRANDS: Final = {
    b"M4A ": "audio/mp4",
    b"M4B ": "audio/mp4",
    b"qt  ": "video/quicktime",
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"mif1": "image/heif",
    b"msf1": "image/heif",
    b"isom": "video/mp4",
    b"iso2": "video/mp4",
    b"iso4": "video/mp4",
    b"iso5": "video/mp4",
    b"iso6": "video/mp4",
    b"mp41": "video/mp4",
    b"mp42": "video/mp4",
    b"avc1": "video/mp4",
    b"dash": "video/mp4",
    b"M4V ": "video/mp4",
    b"MSNV": "video/mp4",
}
_EBML: Final = b"\x1a\x45\xdf\xa3"
_EBML_HEAD_BYTES: Final = 64
_OGG_PAGE: Final = b"OggS"
_OGG_HEAD_BYTES: Final = 64
_THEORA: Final = b"\x80theora"


def media_type_of(head: bytes) -> str:
    """Return the media type of a file by its first 64 bytes or more.

    It is `application/octet-stream` for what is not known here.
    """
    for start, media_type in _STARTS:
        if head.startswith(start):
            return media_type
    if head[:4] == b"RIFF":
        return _RIFF_FORMS.get(head[8:12], UNKNOWN)
    if head[4:8] == b"ftyp":
        return "video/3gpp" if head[8:11] == b"3gp" else _BRANDS.get(head[8:12], UNKNOWN)
    if head.startswith(_EBML):
        return "video/webm" if b"webm" in head[:_EBML_HEAD_BYTES] else "video/matroska"
    if head.startswith(_OGG_PAGE):
        return "video/ogg" if _THEORA in head[:_OGG_HEAD_BYTES] else OGG
    return _type_of_frames(head)


def _type_of_frames(head: bytes) -> str:
    """Return the type of sounds that are frames from the first byte on, without a container."""
    if len(head) < 4 or head[0] != 0xFF:
        return UNKNOWN
    if head[1] & 0xF6 == 0xF0:
        return "audio/aac"  # ADTS: twelve bits, layer 0
    is_layer_three = head[1] & 0xE6 == 0xE2 and head[1] & 0x18 != 0x08
    has_rates = head[2] >> 4 not in (0, 15) and head[2] & 0x0C != 0x0C
    return "audio/mpeg" if is_layer_three and has_rates else UNKNOWN
