"""Keys come from their secrets as the specification says, and none of them shows itself."""

from __future__ import annotations

import hashlib
from itertools import combinations

import pytest

from zentalk.crypto.ed25519 import SigningKey
from zentalk.errors import LocalProtocolError
from zentalk.ids import NodeId
from zentalk.mesh.secrets import FileSecrets, ShareSecrets, lease_key

SECRET = bytes(range(32))
HOLDER = NodeId(b"h" * 32)
SHARE, FILE = ShareSecrets(SECRET), FileSecrets(SECRET)


def derived(label: str, *parts: bytes) -> bytes:
    return hashlib.shake_256(b"".join((f"zt-mesh-{label}-v1".encode(), *parts))).digest(32)


def test_each_key_has_its_label() -> None:
    assert SHARE.head_key == derived("head", SECRET)
    assert SHARE.head_place == derived("head-place", SECRET)
    assert FILE.segment_key == derived("segment", SECRET)
    assert FILE.index_key == derived("index", SECRET)
    assert FILE.shard_place == derived("place", SECRET)
    assert lease_key(SECRET, HOLDER).seed == derived("lease", SECRET, HOLDER)
    assert (SHARE.share, FILE.content) == (SECRET, SECRET)


def test_each_holder_and_each_owner_has_another_lease_key() -> None:
    keys = [
        lease_key(SECRET, HOLDER),
        lease_key(SECRET, NodeId(b"i" * 32)),
        lease_key(b"o" * 32, HOLDER),
    ]
    assert all(one.public != other.public for one, other in combinations(keys, 2))
    assert lease_key(SECRET, HOLDER).public == SigningKey(derived("lease", SECRET, HOLDER)).public


def test_nothing_of_them_is_shown() -> None:
    values = [SECRET, *(getattr(SHARE, name) for name in ShareSecrets.__slots__)]
    values += [getattr(FILE, name) for name in FileSecrets.__slots__]
    shown = f"{SHARE!r} {FILE!r} {lease_key(SECRET, HOLDER)!r} {values[1:]!r} {values[1]}"
    assert shown.count("<secret, 32 bytes>") == len(values)
    assert not any(value.hex() in shown or repr(bytes(value)) in shown for value in values)


def test_control_a_plain_secret_would_be_noticed() -> None:
    assert repr(SECRET) in f"{[SECRET]!r}"


@pytest.mark.parametrize("length", [0, 31, 33])
def test_secrets_of_another_length_are_refused(length: int) -> None:
    wrong = bytes(length)
    for use in (
        lambda: ShareSecrets(wrong),
        lambda: FileSecrets(wrong),
        lambda: lease_key(wrong, HOLDER),
        lambda: lease_key(SECRET, NodeId(wrong)),
    ):
        with pytest.raises(LocalProtocolError):
            use()
