"""Writes the `config.toml` of `init`, in which every key is explained.

Keys that were chosen are written as values, all others as comments with their defaults. So a later
version's defaults apply where nothing was chosen.
"""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

from zentalk.config.files import CONFIG_FILE, make_private_directory, write_private
from zentalk.config.loading import PROGRAM_KEY, program_of
from zentalk.config.settings import Settings
from zentalk.wire.text import AccessToken, RelayUri, format_access_token, format_relay_uri

_WIDTH = 96


def write_config(settings: Settings) -> Path:
    """Write the settings into their folder (made with mode 0700) and return the file's path.

    Raises ConflictError if the folder has settings already, ConfigError if it cannot be written.
    """
    make_private_directory(settings.directory)
    path = settings.directory / CONFIG_FILE
    write_private(path, render(settings).encode())
    return path


def render(settings: Settings) -> str:
    """Return the text of the file; reading it back gives equal settings."""
    program = program_of(type(settings))
    head = (
        "# Settings of a zentalk node; see docs/reference/config.md.\n"
        f"# Each can be overridden by the environment: ZENTALK_PORT=0 zentalk {program} run ...\n"
        f'{PROGRAM_KEY} = "{program}"\n'
    )
    blocks = [head]
    for name, field in type(settings).model_fields.items():
        if name == "directory":
            continue
        value = getattr(settings, name)
        chosen = name in settings.model_fields_set
        comment = textwrap.wrap(
            field.description or "", _WIDTH, initial_indent="# ", subsequent_indent="# "
        )
        line = f"{'' if chosen else '#'}{name} = {_to_toml(value)}"
        blocks.append("\n".join([*comment, line, ""]))
    return "\n".join(blocks)


def _to_toml(value: object) -> str:
    if isinstance(value, RelayUri):
        return json.dumps(format_relay_uri(value) if value.identity else value.place)
    if isinstance(value, AccessToken):
        return json.dumps(format_access_token(value))
    if isinstance(value, tuple):
        if not value:
            return "[]"
        return "[\n" + "".join(f"    {_to_toml(item)},\n" for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)
