"""Settings of the programs: a TOML file and the environment become frozen, validated objects.

It also has what every program's folder needs: private files and the lock. It must never
open a database or a socket.

Settings are loaded when they are first asked for: a command that only reads a token does not wait
for the library that validates them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from zentalk.config.files import (
    CONFIG_FILE,
    make_private_directory,
    read_private,
    remove_file,
    write_private,
)
from zentalk.config.lock import hold_edit_lock, hold_lock

if TYPE_CHECKING:
    from zentalk.config.loading import load_api_settings, load_relay_settings
    from zentalk.config.settings import ApiSettings, RelaySettings, Settings
    from zentalk.config.writing import write_config

__all__ = [
    "CONFIG_FILE",
    "ApiSettings",
    "RelaySettings",
    "Settings",
    "hold_edit_lock",
    "hold_lock",
    "load_api_settings",
    "load_relay_settings",
    "make_private_directory",
    "read_private",
    "remove_file",
    "write_config",
    "write_private",
]

_LATER: Final = {
    "ApiSettings": "settings",
    "RelaySettings": "settings",
    "Settings": "settings",
    "load_api_settings": "loading",
    "load_relay_settings": "loading",
    "write_config": "writing",
}
"""Names and the modules that have them; what needs no settings is imported above."""


def __getattr__(name: str) -> Any:
    """Import what is in `_LATER`, the first time it is named."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
    globals()[name] = found
    return found
