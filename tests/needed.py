"""Programs that a test needs and a machine may not have."""

from __future__ import annotations

import os
import shutil

import pytest


def missing(*names: str) -> str | None:
    """Return why a test cannot run here: none of these programs is there; None if one is.

    With ZENTALK_REQUIRE_PROGRAMS set, as in CI, it is None in any case: the test then runs, and
    fails, where it would be skipped elsewhere.
    """
    if any(map(shutil.which, names)) or os.environ.get("ZENTALK_REQUIRE_PROGRAMS"):
        return None
    return f"needs {' or '.join(names)}"


def program(*names: str) -> str:
    """Return the path of the first of these programs that is there; skips or fails if none is."""
    reason = missing(*names)
    if reason is not None:
        pytest.skip(reason)
    for name in names:
        if (path := shutil.which(name)) is not None:
            return path
    pytest.fail(f"ZENTALK_REQUIRE_PROGRAMS is set, and this test needs {' or '.join(names)}")
