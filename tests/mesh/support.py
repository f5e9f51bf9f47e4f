"""Both ways to compute lost pieces, for tests of what is built on them."""

from __future__ import annotations

from typing import Final

import pytest

from zentalk.mesh.accelerated import _IS_INSTALLED, accelerated_rebuild

needs_pyeclib = pytest.mark.skipif(
    not _IS_INSTALLED, reason="needs pyeclib: pip install 'zentalk[mesh]'"
)
ACCELERATED: Final = accelerated_rebuild(10, 5)

REBUILDS: Final = (
    pytest.param(None, id="plain"),
    pytest.param(ACCELERATED, id="isa-l", marks=needs_pyeclib),
)
