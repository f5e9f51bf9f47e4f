"""File systems of our own to break: an ext4 in an image file, and a tmpfs that is small.

Needs root. Everything is mounted below a folder of the test and unmounted at its end.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

MIB: Final = 2**20
IMAGE_BYTES: Final = 256 * MIB
_SHUTDOWN: Final = 0x8004587D
"""FS_IOC_SHUTDOWN of <linux/fs.h>, with which xfstests makes power cuts too."""
_WITHOUT_FLUSHING_THE_LOG: Final = 2


def _run(*command: object) -> None:
    subprocess.run([str(word) for word in command], check=True, capture_output=True)


class Volume:
    """An ext4 file system in an image, mounted at `place`.

    Each life of it is an image of its own: a mount that somebody else's namespace still
    holds would otherwise be found again, broken as it is, instead of what the disk has.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._image = folder / "disk.img"
        self._images = 0
        self.place = folder / "disk"

    def make(self) -> None:
        """Begin with an empty disk."""
        self.unmount()
        self._next_image()
        with self._image.open("wb") as file:
            file.truncate(IMAGE_BYTES)
        _run("mkfs.ext4", "-q", "-F", "-m", 0, self._image)
        self.place.mkdir(exist_ok=True)
        _run("mount", "-o", "loop", self._image, self.place)

    def power_on(self) -> None:
        """Mount a copy of what was on the disk: the file system applies its journal."""
        self.unmount()
        before = self._image
        self._next_image()
        _run("cp", "--sparse=always", before, self._image)
        before.unlink()
        _run("mount", "-o", "loop", self._image, self.place)

    def _next_image(self) -> None:
        self._images += 1
        self._image = self._folder / f"disk-{self._images}.img"

    def cut(self) -> None:
        """Cut the power: from this moment nothing reaches the image any more.

        What the file system had in memory is gone, its own journal included: the image holds
        what it had sent to the disk before. Who has files open gets errors from now on; but a
        sync that was under way may return as if it had worked (seen with Linux 6.18, in one
        of 25 cuts under a loop of writes and syncs). A machine without power returns from
        nothing: only what was said before this call counts.
        """
        place = os.open(self.place, os.O_RDONLY)
        try:
            fcntl.ioctl(place, _SHUTDOWN, struct.pack("I", _WITHOUT_FLUSHING_THE_LOG))
        finally:
            os.close(place)

    def unmount(self) -> None:
        """Unmount, if it is mounted; nobody may have files open."""
        if os.path.ismount(self.place):
            _run("umount", self.place)


@contextmanager
def volume(folder: Path) -> Iterator[Volume]:
    """Make a volume, and leave nothing mounted."""
    made = Volume(folder)
    made.make()
    try:
        yield made
    finally:
        made.unmount()


@contextmanager
def small_disk(place: Path, size_bytes: int) -> Iterator[Path]:
    """Mount a tmpfs of that size at a new folder `place`."""
    place.mkdir()
    _run("mount", "-t", "tmpfs", "-o", f"size={size_bytes},mode=0700", "none", place)
    try:
        yield place
    finally:
        _run("umount", "--lazy", place)


@cache
def why_no_volume(folder: Path) -> str:
    """Return why no image can be mounted here, empty if it can."""
    if os.geteuid() != 0:
        return "needs root"
    if shutil.which("mkfs.ext4") is None or shutil.which("mount") is None:
        return "needs mkfs.ext4 and mount"
    try:
        with volume(folder):
            return ""
    except (OSError, subprocess.CalledProcessError):
        return "needs loop devices and ext4"


@cache
def why_no_small_disk(folder: Path) -> str:
    """Return why no tmpfs can be mounted here, empty if it can."""
    try:
        with small_disk(folder / "tmpfs", MIB):
            return ""
    except (OSError, subprocess.CalledProcessError):
        return "may not mount a tmpfs"
