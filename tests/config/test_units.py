"""Sizes and durations with units, in the file and in the environment."""

from pathlib import Path

import pytest

from zentalk.config import CONFIG_FILE, load_api_settings, load_relay_settings
from zentalk.config.units import to_bytes, to_seconds
from zentalk.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("256MiB", 256 * 2**20),
        ("256 mib", 256 * 2**20),
        ("1.5GiB", 3 * 2**29),
        ("2GB", 2 * 10**9),
        ("64kB", 64_000),
        ("1TiB", 2**40),
        (" 5B ", 5),
    ],
)
def test_sizes(text: str, count: int) -> None:
    assert to_bytes(text) == count


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("90s", 90),
        ("15min", 900),
        ("15m", 900),
        ("12h", 43_200),
        ("30d", 2_592_000),
        ("2w", 1_209_600),
    ],
)
def test_durations(text: str, count: int) -> None:
    assert to_seconds(text) == count


@pytest.mark.parametrize(
    "text", ["", "5", "MiB", "-1MiB", "1,5GiB", "1e3B", "256MiBs", "30d", "٣MiB"]
)
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="256MiB"):
        to_bytes(text)


@pytest.mark.parametrize("text", ["", "5", "d", "-1d", "1d12h", "5MiB", "1y"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="30d"):
        to_seconds(text)


def test_in_the_file_and_in_the_environment(tmp_path: Path) -> None:
    path = tmp_path / CONFIG_FILE
    path.write_text('memory_bytes = "64MiB"\nqueue_ttl_seconds = "7d"\nsweep_seconds = 60\n')
    settings = load_relay_settings(tmp_path, {"ZENTALK_SWEEP_SECONDS": "2h"})
    assert settings.memory_bytes == 64 * 2**20
    assert (settings.queue_ttl_seconds, settings.sweep_seconds) == (7 * 86_400, 7200)
    assert load_relay_settings(tmp_path, {"ZENTALK_MEMORY_BYTES": "16777216"}).memory_bytes == 2**24
    path.write_text('message_ttl_seconds = "14d"\n')
    assert load_api_settings(tmp_path, {}).message_ttl_seconds == 14 * 86_400


@pytest.mark.parametrize(
    ("line", "variables", "origin"),
    [
        ('memory_bytes = "64"', {}, CONFIG_FILE),
        ('memory_bytes = "1MiB"', {}, CONFIG_FILE),
        ('queue_ttl_seconds = "90d"', {}, CONFIG_FILE),
        ('port = "1KiB"', {}, CONFIG_FILE),
        ("", {"ZENTALK_MEMORY_BYTES": "much"}, "ZENTALK_MEMORY_BYTES"),
        ("", {"ZENTALK_PORT": "1KiB"}, "ZENTALK_PORT"),
    ],
)
def test_limits_and_types_hold_for_texts_too(
    tmp_path: Path, line: str, variables: dict[str, str], origin: str
) -> None:
    (tmp_path / CONFIG_FILE).write_text(line)
    with pytest.raises(ConfigError, match=origin):
        load_relay_settings(tmp_path, variables)
