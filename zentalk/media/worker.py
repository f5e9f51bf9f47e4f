"""The program that makes previews: a picture on stdin, a small one on stdout.

    python -I worker.py BYTES SIDE < picture | cat > preview

It ends with 0 if there is a preview, and with something else if there is none, whatever the reason:
another format, a damaged picture, one that is too large, no Pillow.

Decoders are the part of a program that a prepared picture can take over. So this one gives up what
it does not need before it reads anything: it may use some memory and some seconds, and can open no
file and no socket; all that it holds open is its input and its output, which has to be a pipe. It
is started by its path and imports nothing of zentalk, so that it runs wherever the package lies,
with nothing of the node in its memory. It must never write anything but pixels: no text, no error,
no metadata.
"""

from __future__ import annotations

import io
import os
import resource
import sys
import warnings
from collections.abc import Iterator
from typing import Final

from PIL import Image, ImageOps

FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF")
MAX_INPUT_BYTES: Final = 128 * 1024**2
MAX_PIXELS: Final = 64_000_000
"""Above what phones make unless they are asked for more. So many take 256 MiB while decoded."""
MEMORY_BYTES: Final = 768 * 1024**2
CPU_SECONDS: Final = 10
NICENESS: Final = 10
NO_PREVIEW: Final = 1

_STEPS: Final = (1.0, 0.75, 0.5, 0.3)
"""Parts of the longest side, tried one after the other until a preview fits."""
_QUALITIES: Final = (80, 65, 50, 35)


def give_up_rights() -> None:
    """Give up, for good, what a decoder does not need."""
    bounds = (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_NOFILE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    )
    for kind, bound in bounds:
        hard = resource.getrlimit(kind)[1]
        lowest = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
        resource.setrlimit(kind, (lowest, lowest))


def load_decoders() -> None:
    """Let Pillow load what it loads when it is first used: later, no file can be opened."""
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    for kind in FORMATS:
        sample = io.BytesIO()
        Image.new("RGBA" if kind in ("PNG", "WEBP") else "L", (2, 2)).save(sample, kind)
        preview_of_bytes(sample.getvalue(), 1024, 2)


def preview_of_bytes(data: bytes, most_bytes: int, side: int) -> bytes | None:
    """Return a preview of a picture, None if none is small enough.

    Raises whatever Pillow raises for what it cannot read.
    """
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        small = _small(image, side)
    for preview in _encodings(small, side):
        if len(preview) <= most_bytes:
            return preview
    return None


def _small(image: Image.Image, side: int) -> Image.Image:
    """Return the first picture of a file, upright, as pixels alone."""
    mode = "RGBA" if image.has_transparency_data else "RGB"
    if image.mode.startswith("I"):  # grey of 16 bits, of which `convert` would take the lower half
        image = image.point(lambda value: value / 256).convert("L")
    elif image.mode not in ("L", "CMYK", mode) or (image.mode == "L" and mode == "RGBA"):
        image = image.convert(mode)
    image.thumbnail((side, side))  # of a JPEG, little more than this is decoded
    pixels = ImageOps.exif_transpose(image).convert(mode)
    pixels.info = {}
    return pixels


def _encodings(image: Image.Image, side: int) -> Iterator[bytes]:
    kind = "WEBP" if image.mode == "RGBA" else "JPEG"
    for step in _STEPS:
        longest = max(1, int(side * step))
        image.thumbnail((longest, longest))
        for quality in _QUALITIES:
            out = io.BytesIO()
            image.save(out, kind, quality=quality)
            yield out.getvalue()


def main(arguments: list[str]) -> int:
    """Make one preview; return how the program ends."""
    most_bytes, side = map(int, arguments)
    os.nice(NICENESS)
    load_decoders()
    give_up_rights()
    data = sys.stdin.buffer.read(MAX_INPUT_BYTES + 1)
    if len(data) > MAX_INPUT_BYTES:
        return NO_PREVIEW
    try:
        preview = preview_of_bytes(data, most_bytes, side)
    except Exception:  # noqa: BLE001  # a decoder raises what it likes
        return NO_PREVIEW
    if preview is None:
        return NO_PREVIEW
    sys.stdout.buffer.write(preview)
    sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
