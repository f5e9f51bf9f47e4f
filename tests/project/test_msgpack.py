"""The msgpack in use is the bounded one, not the ancient msgpack-python written over it."""

import importlib.metadata

import msgpack


def test_msgpack_is_current() -> None:
    assert msgpack.version >= (1, 1)


def test_nothing_else_owns_the_msgpack_files() -> None:
    assert importlib.metadata.packages_distributions()["msgpack"] == ["msgpack"]
