"""The folders of a run: one for each node, made as `relay init` and `api init` make them.

All lie under one temporary folder, which is gone after the run unless it is to be kept.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from zentalk.config import CONFIG_FILE, ApiSettings, RelaySettings, remove_file, write_config
from zentalk.crypto.types import Entropy
from zentalk.errors import StorageError
from zentalk.store.key_file import load_or_create_identity
from zentalk.store.mailbox.count import count_envelopes
from zentalk.store.mailbox.earlier_files import QUEUE_FILE
from zentalk.web.token import load_or_create_token
from zentalk.wire.text import parse_relay_uri

MOST_BOOTSTRAPS: Final = 3
_NAMES: Final = ("Alice", "Bob", "Carol", "Dave", "Erin", "Frank", "Grace", "Heidi")


@contextmanager
def run_folder(*, keep: bool = False) -> Iterator[Path]:
    """Give a new folder, removed at the end unless `keep`; raises StorageError."""
    try:
        folder = Path(tempfile.mkdtemp(prefix="zentalk-sim-"))
    except OSError as error:
        raise StorageError(f"cannot make a temporary folder: {error.strerror}") from None
    try:
        yield folder
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def relay_name(index: int) -> str:
    """Return what relay `index` (from 0) is called."""
    return f"relay-{index + 1}"


def person_name(index: int) -> str:
    """Return what person `index` (from 0) is called."""
    return _NAMES[index] if index < len(_NAMES) else f"Person-{index + 1}"


def relay_settings(parent: Path, index: int, bootstraps: Sequence[str]) -> RelaySettings:
    """Return the settings of a relay on a free loopback port."""
    uris = tuple(parse_relay_uri(uri) for uri in bootstraps[:MOST_BOOTSTRAPS])
    return RelaySettings(directory=parent / relay_name(index), port=0, bootstraps=uris)


def make_person(
    parent: Path, index: int, bootstraps: Sequence[str], entropy: Entropy
) -> tuple[ApiSettings, str]:
    """Make identity and token; return settings with a free port for REST, and the token."""
    uris = tuple(parse_relay_uri(uri) for uri in bootstraps[:MOST_BOOTSTRAPS])
    name = person_name(index)
    settings = ApiSettings(directory=parent / name.lower(), name=name, port=0, bootstraps=uris)
    load_or_create_identity(settings.directory, entropy)
    return settings, load_or_create_token(settings.directory, entropy)


def pinned(settings: ApiSettings, uris: Sequence[str]) -> ApiSettings:
    """Return the settings with these entry relays and no others."""
    return settings.model_copy(update={"guards": tuple(parse_relay_uri(uri) for uri in uris)})


def save_settings(settings: RelaySettings | ApiSettings) -> None:
    """Write or replace the settings in their folder, for a program of its own."""
    remove_file(settings.directory / CONFIG_FILE)
    write_config(settings)


def count_in_folder(folder: Path) -> int:
    """Return how many envelopes a relay's folder holds on disk; raises StorageError."""
    path = folder / QUEUE_FILE
    return count_envelopes(path) if path.exists() else 0
