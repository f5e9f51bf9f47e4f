"""What reads pictures and sounds of the owner before they are sent."""

from __future__ import annotations

from tests.fuzz.target import Target, target
from tests.media import samples
from zentalk.media.facts import facts_of
from zentalk.media.formats import exif, gif, jpeg, png, sounds, webp
from zentalk.media.formats.parts import MalformedPictureError
from zentalk.media.metadata import without_metadata

SOUNDS = (samples.wav(20), samples.opus())


def _cleaned_again(found: bytes | None, data: bytes) -> bytes:
    """Return the input if what was made of it is clean, and something else if it is not."""
    return data if found is None or without_metadata(found) == found else found


def media_targets() -> list[Target]:
    """Return all of them."""
    pictures = [*samples.DIRTY.values(), *samples.CLEAN.values(), samples.simple_webp()]
    errors = (MalformedPictureError,)
    return [
        target(
            without_metadata,
            pictures,
            again_from=_cleaned_again,
            errors=errors,
            also=(jpeg.clean, png.clean, webp.clean, gif.clean),
        ),
        target(
            facts_of,
            [*pictures, *SOUNDS],
            why_not="facts are no file",
            errors=(),
            also=(jpeg.shape, png.shape, webp.shape, gif.shape),
        ),
        target(
            exif.orientation_in,
            [samples.tiff(6), samples.tiff(3, ">")],
            why_not="one number is read of it",
            errors=(),
        ),
        target(
            sounds.opus_milliseconds,
            SOUNDS[1:],
            parse=lambda data: sounds.opus_milliseconds(data, data),
            why_not="a length is read of it",
            errors=(),
        ),
    ]
