"""Reads settings from `config.toml` and `ZENTALK_*`, or says in one sentence what is wrong.

The environment wins over the file. Names in the environment are the keys in capitals
(`ZENTALK_PORT`); lists are separated by spaces or commas.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from zentalk.config.files import CONFIG_FILE
from zentalk.config.places import takes_several
from zentalk.config.settings import ApiSettings, RelaySettings, Settings
from zentalk.config.unit_types import takes_units
from zentalk.errors import ConfigError

ENVIRONMENT_PREFIX: Final = "ZENTALK_"
PROGRAM_KEY: Final = "program"
_OTHER_VARIABLES: Final = frozenset(
    f"{ENVIRONMENT_PREFIX}{name}"
    for name in ("DIR", "LONG", "SEED", "FAULTS_SEED", "REQUIRE_PROGRAMS", "SCHEDULE")
)
"""Those that are no settings: of the command line, and of tests, whose programs inherit them."""

_MESSAGES: Final = {
    "int_type": "it must be a whole number, without quotes",
    "int_from_float": "it must be a whole number",
    "float_type": "it must be a number, without quotes",
    "bool_type": "it must be true or false",
    "string_type": "it must be text in quotes",
    "tuple_type": "it must be a list in brackets",
    "string_pattern_mismatch": "it holds a character that is not allowed there, or is empty",
}
_NESTED_KEY: Final = re.compile(
    r"^[ \t]*\[{0,2}[ \t]*[\w-]+(?:[ \t]*\.[ \t]*[\w-]+){8}", re.MULTILINE
)
"""A key with so many parts is refused unread: tomllib's memory grows with their square."""

_S = TypeVar("_S", bound=Settings)


def program_of(kind: type[Settings]) -> str:
    """Return the word that names the program in commands and in the file."""
    return "relay" if issubclass(kind, RelaySettings) else "api"


def load_relay_settings(
    directory: Path, environment: Mapping[str, str] = os.environ
) -> RelaySettings:
    """Read the settings of a relay's folder.

    Raises ConfigError naming the file, the key and what to do.
    """
    return _load(RelaySettings, directory, environment)


def load_api_settings(directory: Path, environment: Mapping[str, str] = os.environ) -> ApiSettings:
    """Read the settings of an API node's folder.

    Raises ConfigError naming the file, the key and what to do.
    """
    return _load(ApiSettings, directory, environment)


def validate(
    kind: type[_S], values: Mapping[str, object], source: str, variables: Mapping[str, str] = {}
) -> _S:
    """Make settings of values, or raise ConfigError.

    `source` says where the values are from, `variables` which keys the environment gave instead.
    """
    try:
        return kind.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = str(first["loc"][0])
        origin = variables.get(key, source)
        if first["type"] == "extra_forbidden":
            raise ConfigError(f"{origin}: unknown key '{key}'; {_advice(kind, key)}") from None
        message = _message(first["type"], first["msg"])
        raise ConfigError(f"{origin}: the value of '{key}' is wrong: {message}") from None


def _load(kind: type[_S], directory: Path, environment: Mapping[str, str]) -> _S:
    path = directory / CONFIG_FILE
    values = _read(path, kind)
    if "directory" in values:
        raise ConfigError(f"{path}: unknown key 'directory'; {_advice(kind, 'directory')}")
    _check_variables(environment)
    variables = {
        name: variable
        for name in kind.model_fields
        if name != "directory" and (variable := ENVIRONMENT_PREFIX + name.upper()) in environment
    }
    overrides = {
        name: _from_text(environment[variable], kind.model_fields[name], variable)
        for name, variable in variables.items()
    }
    return validate(kind, values | overrides | {"directory": directory}, str(path), variables)


def _check_variables(environment: Mapping[str, str]) -> None:
    """Raise ConfigError for a variable of ours that no program knows: most likely a typo.

    Keys of the other program pass: one shell often runs both.
    """
    keys = {name for kind in (RelaySettings, ApiSettings) for name in kind.model_fields}
    known = {ENVIRONMENT_PREFIX + name.upper() for name in keys - {"directory"}}
    for variable in sorted(environment):
        if not variable.startswith(ENVIRONMENT_PREFIX) or variable in known | _OTHER_VARIABLES:
            continue
        near = difflib.get_close_matches(variable, known, n=1, cutoff=0.8)
        advice = f"did you mean {near[0]}?" if near else "remove it from the environment"
        raise ConfigError(f"{variable}: no setting has this name; {advice}")


def _read(path: Path, kind: type[Settings]) -> dict[str, Any]:
    program = program_of(kind)
    try:
        text = path.read_text("utf-8-sig")  # editors of Windows begin a file with a mark
        if _NESTED_KEY.search(text):
            raise _too_deep(path)
        values = tomllib.loads(text)
    except (FileNotFoundError, NotADirectoryError):
        raise ConfigError(
            f"{path.parent} is not set up yet; run: zentalk {program} init --dir {path.parent}"
        ) from None
    except OSError as error:
        reason = (error.strerror or "unknown error").lower()
        raise ConfigError(f"cannot read {path}: {reason}") from None
    except RecursionError:
        raise _too_deep(path) from None
    except ValueError as error:  # not TOML, not UTF-8, or a number of thousands of digits
        raise ConfigError(f"{path} is not valid TOML: {error}; correct that line") from None
    found = values.pop(PROGRAM_KEY, program)
    if found != program:
        raise ConfigError(
            f"{path} belongs to the program '{found}'; use a folder of the program '{program}'"
        )
    return values


def _too_deep(path: Path) -> ConfigError:
    return ConfigError(f"{path} is nested far too deep; correct or restore it")


def _from_text(text: str, field: FieldInfo, variable: str) -> object:
    """Read an environment variable as the type that its key has."""
    if isinstance(field.default, str):
        # By commas alone: a host with a space in it is a mistake, and said to be one.
        return text.split(",") if "," in text and takes_several(field) else text
    if isinstance(field.default, tuple):
        return text.replace(",", " ").split()
    try:
        (value,) = tomllib.loads(f"value = {text}").values()
    except (ValueError, RecursionError):  # not TOML, or more than one line of it
        if takes_units(field):
            return text
        raise ConfigError(f"{variable}: it must be a number or true or false") from None
    return value


def _advice(kind: type[Settings], key: str) -> str:
    known = sorted(set(kind.model_fields) - {"directory"})
    near = difflib.get_close_matches(key, known, n=1)
    return f"did you mean '{near[0]}'?" if near else "remove it or correct its spelling"


def _message(error_type: str, message: str) -> str:
    if error_type in _MESSAGES:
        return _MESSAGES[error_type]
    return message.removeprefix("Value error, ").replace("Input should be", "it must be")
