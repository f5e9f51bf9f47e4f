"""The calls of REST that answer with QR codes; see `zentalk.client.calls`."""

from __future__ import annotations

from typing import Final, Literal
from urllib.parse import quote

from zentalk.client.calls import Call, Params

ImageFormat = Literal["svg", "png"]
_MEDIA: Final = {"svg": "image/svg+xml", "png": "image/png"}


def address_qr(form: ImageFormat) -> Call[bytes]:
    """Ask for the owner's address."""
    return _image(f"/v1/me/qr.{form}", form)


def invite_qr(invite_id: str, form: ImageFormat) -> Call[bytes]:
    """Ask for the link of an invite."""
    return _image(f"/v1/invites/{quote(invite_id, safe='')}/qr.{form}", form)


def pairing_qr(pairing_id: str, form: ImageFormat, url: str | None) -> Call[bytes]:
    """Ask for the link of an invitation of a device."""
    path = f"/v1/devices/pairings/{quote(pairing_id, safe='')}/qr"
    params: Params = {"format": form} | ({} if url is None else {"url": url})
    return _image(path, form, params)


def _image(path: str, form: ImageFormat, params: Params | None = None) -> Call[bytes]:
    media = _MEDIA.get(form, "")
    return Call("GET", path, bytes, params or {}, media=media)
