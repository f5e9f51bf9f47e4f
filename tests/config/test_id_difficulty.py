from pathlib import Path

import pytest

from tests.directory.support import descriptor, node_id
from zentalk.config import ApiSettings, RelaySettings, load_relay_settings, write_config
from zentalk.config.loading import validate
from zentalk.directory.identity_work import MAIN_DIFFICULTY, work_bits
from zentalk.errors import ConfigError


def test_work_is_asked_for_in_main_and_not_in_networks_for_tests(tmp_path: Path) -> None:
    assert RelaySettings(directory=tmp_path, network="main").id_difficulty == MAIN_DIFFICULTY > 0
    assert ApiSettings(directory=tmp_path, network="main").id_difficulty == MAIN_DIFFICULTY
    assert RelaySettings(directory=tmp_path).id_difficulty == 0
    assert RelaySettings(directory=tmp_path, network="main", id_difficulty=3).id_difficulty == 3


def test_the_default_is_not_written_as_a_choice(tmp_path: Path) -> None:
    write_config(RelaySettings(directory=tmp_path / "a", network="main"))
    assert "\n#id_difficulty = 21" in (tmp_path / "a" / "config.toml").read_text()
    assert load_relay_settings(tmp_path / "a", {}).id_difficulty == MAIN_DIFFICULTY
    changed = load_relay_settings(tmp_path / "a", {"ZENTALK_ID_DIFFICULTY": "2"})
    assert changed.id_difficulty == 2
    elsewhere = load_relay_settings(tmp_path / "a", {"ZENTALK_NETWORK": "mine"})
    assert elsewhere.id_difficulty == 0


@pytest.mark.parametrize("key", ["bootstraps", "guards"])
def test_k7_relays_that_the_network_would_ignore_are_refused_by_name(
    tmp_path: Path, key: str
) -> None:
    uri = descriptor(1, host="relay.example").uri
    wanted = work_bits(node_id(1)) + 1
    values = {"directory": tmp_path, key: (uri,), "id_difficulty": wanted}
    with pytest.raises(ConfigError, match=rf"'{key}' is wrong: .*relay.example:\d+ .*{wanted}"):
        validate(ApiSettings, values, "config.toml")
    values["id_difficulty"] = wanted - 1
    enough = validate(ApiSettings, values, "config.toml")
    assert enough.id_difficulty == wanted - 1, "control"
