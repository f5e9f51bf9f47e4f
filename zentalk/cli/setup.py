"""Both `init` commands check their values here, and refuse a folder that is set up."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from zentalk.cli.errors import UsageError
from zentalk.config import CONFIG_FILE, Settings
from zentalk.config.loading import validate
from zentalk.errors import ConfigError, ConflictError

_S = TypeVar("_S", bound=Settings)


def checked(kind: type[_S], directory: Path, values: Mapping[str, object]) -> _S:
    """Make settings of command-line values; raises UsageError if one is wrong."""
    try:
        return validate(kind, dict(values) | {"directory": directory}, "command line")
    except ConfigError as error:
        raise UsageError(str(error)) from None


def check_not_set_up(directory: Path) -> None:
    """Raise ConflictError if the folder has settings already."""
    if (directory / CONFIG_FILE).exists():
        raise ConflictError(
            f"{directory} is set up already and nothing was changed; choose another folder"
        )
