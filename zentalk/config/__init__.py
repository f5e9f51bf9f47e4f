"""Settings of the programs: a TOML file and the environment become frozen, validated objects.

It also has what every program's folder needs: private files and the lock. It must never
open a database or a socket.
"""

from __future__ import annotations

from zentalk.config.files import (
    make_private_directory,
    read_private,
    remove_file,
    write_private,
)
from zentalk.config.loading import CONFIG_FILE, load_api_settings, load_relay_settings
from zentalk.config.lock import hold_lock
from zentalk.config.settings import ApiSettings, RelaySettings, Settings
from zentalk.config.writing import write_config

__all__ = [
    "CONFIG_FILE",
    "ApiSettings",
    "RelaySettings",
    "Settings",
    "hold_lock",
    "load_api_settings",
    "load_relay_settings",
    "make_private_directory",
    "read_private",
    "remove_file",
    "write_config",
    "write_private",
]
