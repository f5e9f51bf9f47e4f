"""What every test gets: Hypothesis profiles, and the markers that skip.

Profiles (``HYPOTHESIS_PROFILE``): ``ci`` is the same in every run, ``dev`` looks for new examples,
``long`` looks for 5,000 where a test does not say how many, the others for 60. Without the
variable: ``ci`` where ``CI`` is set, else ``dev``.
"""

import gc
import logging
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings

from tests import chromium
from tests.needed import missing
from tests.order import longest_first
from tests.schedule import one_order
from tests.sleeps import refuse_long_sleeps

# Whether inputs are made fast enough depends on what else the machine does.
LOAD = [HealthCheck.too_slow]
settings.register_profile("dev", deadline=None, max_examples=60, suppress_health_check=LOAD)
settings.register_profile(
    "ci",
    deadline=None,
    max_examples=60,
    derandomize=True,
    print_blob=True,
    database=None,
    suppress_health_check=LOAD,
)
settings.register_profile(
    "long",
    deadline=None,
    max_examples=5_000,
    print_blob=True,
    suppress_health_check=[*LOAD, HealthCheck.data_too_large],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started with `nohup` or in the background of a script. Programs that tests start would inherit
    # it, and not end when they are interrupted.
    signal.signal(signal.SIGINT, signal.default_int_handler)


MEMORY_FOLDER = "/dev/shm"  # pytest makes a private folder of each user in it
ENOUGH_MEMORY_BYTES = 4 * 2**30
_COLLECT_AFTER = (20_000, 20, 20)


def pytest_configure(config: pytest.Config) -> None:
    """Keep databases in memory where there is room: most of the wait for a disk is `fsync`."""
    if not os.environ.get("PYTEST_DEBUG_TEMPROOT") and config.getoption("basetemp") is None:
        try:
            if shutil.disk_usage(MEMORY_FOLDER).free >= ENOUGH_MEMORY_BYTES:
                os.environ["PYTEST_DEBUG_TEMPROOT"] = MEMORY_FOLDER
        except OSError:
            pass  # not on this system: the usual folder is as good


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, each with its reason, what this machine or this run is not for; put the rest in order.

    The order is another one only where several processes share the work.
    """
    if workers := os.environ.get("PYTEST_XDIST_WORKER_COUNT"):
        items[:] = longest_first(items, int(workers))
    skips = {
        "long": None if os.environ.get("ZENTALK_LONG") else "only in `make long`",
        "privileged": missing("ip") if os.geteuid() == 0 else "needs root",
        "browser": missing(*chromium.NAMES),
    }
    for item in items:
        for marker, reason in skips.items():
            if reason is not None and item.get_closest_marker(marker) is not None:
                item.add_marker(pytest.mark.skip(reason=reason))


def pytest_collection_finish() -> None:
    """Let the garbage collector look less often, and never at what was imported.

    Each network makes hundreds of thousands of objects and leaves few behind, and what the tests
    have imported is looked at each time as well.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the source tree."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True, scope="session")
def _no_long_sleeps() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        refuse_long_sleeps(patch)
        yield


@pytest.fixture(autouse=True)
def _one_order() -> Iterator[None]:
    with one_order():
        yield


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """Undo what a test configures: loggers would write to a stream that was captured and closed."""
    handlers, level = logging.root.handlers[:], logging.root.level
    raises = logging.raiseExceptions
    yield
    structlog.reset_defaults()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    logging.raiseExceptions = raises
