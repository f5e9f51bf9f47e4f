"""The record layer: how frames become bytes on the wire, and back.

Spec: docs/spec/link.md section 4. Clients' and inner links seal units of fixed size;
links of two relays seal one record per drain. Openers are incremental and hold less
than one unit or record; nothing here knows what a frame means.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from zentalk.crypto.aead import TAG_BYTES
from zentalk.crypto.noise import CounterCipher
from zentalk.errors import DecodeError, LocalProtocolError
from zentalk.link.geometry import (
    CLASS_LARGE,
    CLASS_SMALL,
    MAX_RECORD_BYTES,
    RECORD_HEADER_BYTES,
    UNIT_LARGE_BYTES,
    UNIT_OVERHEAD_BYTES,
    cell_bytes,
)

_SMALL: Final = bytes([CLASS_SMALL])
_LARGE: Final = bytes([CLASS_LARGE])


class UnitSealer:
    """Packs frames into units of one or two sizes; a frame never spans units.

    `sizes` collects the size of every unit that was made.
    """

    __slots__ = ("_cipher", "_large_room", "_room", "sizes")

    def __init__(self, cipher: CounterCipher, depth: int) -> None:
        self._cipher = cipher
        self._room = cell_bytes(depth) - UNIT_OVERHEAD_BYTES
        self._large_room = UNIT_LARGE_BYTES - UNIT_OVERHEAD_BYTES if depth == 0 else 0
        self.sizes: set[int] = set()

    def seal(self, frames: Sequence[bytes]) -> bytes:
        """Return as few units as hold the frames in order."""
        return b"".join(self._units(frames))

    def _units(self, frames: Sequence[bytes]) -> Iterator[bytes]:
        waiting: list[bytes] = []
        left = self._room
        for frame in frames:
            if len(frame) > left:
                if waiting:
                    yield self._unit(_SMALL, waiting, self._room)
                waiting, left = [], self._room
                if len(frame) > left:
                    yield self._large(frame)
                    continue
            waiting.append(frame)
            left -= len(frame)
        if waiting:
            yield self._unit(_SMALL, waiting, self._room)

    def _large(self, frame: bytes) -> bytes:
        if len(frame) > self._large_room:
            raise LocalProtocolError("a frame is larger than the units of this link")
        return self._unit(_LARGE, [frame], self._large_room)

    def _unit(self, class_byte: bytes, frames: list[bytes], room: int) -> bytes:
        unit = class_byte + self._cipher.seal(b"".join(frames).ljust(room, b"\0"), class_byte)
        self.sizes.add(len(unit))
        return unit


class RecordSealer:
    """Seals all frames of one drain as one record: length 3 | ciphertext | tag."""

    __slots__ = ("_cipher",)

    def __init__(self, cipher: CounterCipher) -> None:
        self._cipher = cipher

    def seal(self, frames: Sequence[bytes]) -> bytes:
        """Return one record; raises LocalProtocolError if it would be too long."""
        plaintext = b"".join(frames)
        size = len(plaintext) + TAG_BYTES
        if size > MAX_RECORD_BYTES:
            raise LocalProtocolError("a drain is longer than a record")
        header = size.to_bytes(RECORD_HEADER_BYTES, "big")
        return header + self._cipher.seal(plaintext, header)


class Opener:
    """Turns bytes from the wire, in any pieces, into the plaintexts of units or records."""

    __slots__ = ("_buffer", "_cipher", "_header_bytes", "opened")

    def __init__(self, cipher: CounterCipher, header_bytes: int) -> None:
        self.opened = 0
        """The number of complete records so far."""
        self._cipher = cipher
        self._header_bytes = header_bytes
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Return the plaintexts of all that is complete now.

        Raises DecodeError or AuthenticationError; the link is over then.
        """
        data = self._with_rest(data)
        opened: list[bytes] = []
        at, end, header_bytes = 0, len(data), self._header_bytes
        view = memoryview(data)
        while end - at >= header_bytes:
            after = at + self._size_at(data, at)
            if after > end:
                break
            body = at + header_bytes
            opened.append(self._cipher.open(view[body:after], data[at:body]))
            at = after
        self._buffer += view[at:]
        self.opened += len(opened)
        return opened

    @property
    def held_bytes(self) -> int:
        """The bytes held of an incomplete record."""
        return len(self._buffer)

    def _with_rest(self, data: bytes) -> bytes:
        """Return what was left over joined with `data`, or nothing while that is no whole one."""
        buffer = self._buffer
        if not buffer:
            return data
        buffer += data
        if len(buffer) < self._header_bytes or len(buffer) < self._size_at(buffer, 0):
            return b""
        whole = bytes(buffer)
        buffer.clear()
        return whole

    def _size_at(self, data: bytes | bytearray, at: int) -> int:
        """Return the size of the unit or record that begins there, header included."""
        raise NotImplementedError


class UnitOpener(Opener):
    """Opens units; `sizes` collects the size of every unit that began to arrive."""

    __slots__ = ("_size_by_class", "sizes")

    def __init__(self, cipher: CounterCipher, depth: int) -> None:
        super().__init__(cipher, header_bytes=1)
        self._size_by_class = {CLASS_SMALL: cell_bytes(depth)}
        if depth == 0:
            self._size_by_class[CLASS_LARGE] = UNIT_LARGE_BYTES
        self.sizes: set[int] = set()

    def _size_at(self, data: bytes | bytearray, at: int) -> int:
        size = self._size_by_class.get(data[at])
        if size is None:
            raise DecodeError("a unit has a class that this link does not carry")
        self.sizes.add(size)
        return size


class RecordOpener(Opener):
    """Opens records of relay links."""

    __slots__ = ()

    def __init__(self, cipher: CounterCipher) -> None:
        super().__init__(cipher, header_bytes=RECORD_HEADER_BYTES)

    def _size_at(self, data: bytes | bytearray, at: int) -> int:
        size = int.from_bytes(data[at : at + RECORD_HEADER_BYTES], "big")
        if not TAG_BYTES <= size <= MAX_RECORD_BYTES:
            raise DecodeError("a record has a length that no link sends")
        return RECORD_HEADER_BYTES + size
