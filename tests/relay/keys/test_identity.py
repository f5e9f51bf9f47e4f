from pathlib import Path

import pytest

from tests.directory.support import seeded
from zentalk.config import RelaySettings
from zentalk.directory.identity_work import work_bits
from zentalk.errors import ConfigError
from zentalk.net.memory import MemoryNetwork
from zentalk.net.runtime import Runtime
from zentalk.relay.keys.identity import load_or_create_relay_identity
from zentalk.relay.relay import Relay


def test_a_new_identity_has_the_work_that_the_network_asks_for(tmp_path: Path) -> None:
    made = load_or_create_relay_identity(tmp_path, seeded("a"), 7)
    assert work_bits(made.node_id) >= 7
    assert load_or_create_relay_identity(tmp_path, seeded("b"), 7).node_id == made.node_id


def test_k7_a_relay_whose_identity_is_too_cheap_says_so_and_does_not_start(tmp_path: Path) -> None:
    cheap = load_or_create_relay_identity(tmp_path, seeded("cheap"))
    wanted = work_bits(cheap.node_id) + 1
    runtime, network = Runtime.virtual(0, 0.0), MemoryNetwork().host("r1")
    strict = RelaySettings(directory=tmp_path, id_difficulty=wanted)
    with pytest.raises(ConfigError, match=rf"asks for {wanted}.*zentalk relay init") as refusal:
        Relay(strict, runtime, network)
    assert cheap.key.public.hex() not in str(refusal.value)
    fair = RelaySettings(directory=tmp_path, id_difficulty=wanted - 1)
    assert Relay(fair, runtime, network).node_id == cheap.node_id, "control: enough is enough"
