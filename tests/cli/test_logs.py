"""K23: what must not be in a log is not in it, whatever was handed to the logger."""

import io
import logging
import sys
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from zentalk.cli import logs
from zentalk.wire.text import RelayUri, format_address, format_relay_uri

KEY = bytes(range(32))
CANARIES = {
    "address": format_address(KEY),
    "cut address": format_address(KEY)[:20],
    "relay": format_relay_uri(RelayUri(KEY, "127.0.0.1", 9001)),
    "hex": KEY.hex(),
    "half id": KEY[:16].hex(),
    "base64": "_Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF",
    "token": "t" * 43,
    "plaintext": "meet me at noon",
}


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What reaches standard error while logging is as the programs configure it."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    root = logging.getLogger()
    before = (root.handlers[:], root.level, logging.raiseExceptions)
    logs.configure_logging()
    yield stream
    structlog.reset_defaults()
    root.handlers[:], level, logging.raiseExceptions = before
    root.setLevel(level)


@pytest.mark.parametrize("canary", CANARIES.values(), ids=CANARIES.keys())
def test_k23_a_canary_in_any_place_is_hidden(written: io.StringIO, canary: str) -> None:
    log = structlog.get_logger()
    log.info(canary)
    log.info(f"got {canary} from a peer")  # noqa: G004 - the mistake this is about
    log.warning("happened", text=canary, raw=canary.encode(), many=[canary], deep={"a": canary})
    log.error("happened", **{canary: canary})
    if canary != CANARIES["plaintext"]:
        log.info("happened", reason=f"because of {canary}.")
    for failure in (ValueError(canary), ExceptionGroup(canary, [KeyError(canary)])):
        try:
            raise failure
        except (ValueError, ExceptionGroup):
            log.exception("failed", detail=canary)
            log.error("failed", exc_info=failure)
            logging.getLogger("a.library").exception("it failed with %s", canary)
    logging.getLogger("a.library").error("it said %s", canary)
    text = written.getvalue()
    assert canary not in text
    assert text.count("\n") >= 10
    assert "Traceback" not in text


@pytest.mark.parametrize("canary", ["address", "hex", "token"])
def test_k23_control_without_scrubbing_the_canary_is_there(
    written: io.StringIO, canary: str
) -> None:
    processors = structlog.get_config()["processors"]
    structlog.configure(processors=[p for p in processors if p is not logs.scrub])
    structlog.get_logger().info("happened", text=CANARIES[canary])
    assert CANARIES[canary] in written.getvalue()


def test_what_helps_an_operator_stays(written: io.StringIO) -> None:
    log = structlog.get_logger()
    log.info("relay_starts", host="0.0.0.0,[::]", announced_host="relay.example,[2001:db8::7]")
    assert "host=0.0.0.0,[::] announced_host=relay.example,[2001:db8::7]" in written.getvalue()
    log.warning("relay_unreachable", host="relay.example:9001", reason="connection refused", n=3)
    line = written.getvalue()
    assert "event=relay_unreachable" in line
    assert "host=relay.example:9001" in line
    assert 'reason="connection refused"' in line
    assert "n=3" in line


def test_an_error_keeps_class_and_place(written: io.StringIO) -> None:
    try:
        raise OSError("a secret")
    except OSError:
        structlog.get_logger().exception("failed")
    assert "error=OSError" in written.getvalue()
    assert "at=test_logs.py:" in written.getvalue()


def test_libraries_below_warnings_are_silent(written: io.StringIO) -> None:
    # httpx logs each request's URL, with an address in it, as information.
    logging.getLogger("httpx").info("HTTP Request: GET %s", "http://127.0.0.1/v1/contacts")
    assert not written.getvalue()


@given(st.binary(min_size=16, max_size=64), st.text(" :,'\"<>()", max_size=3))
def test_k23_no_id_survives_in_a_sentence(raw: bytes, around: str) -> None:
    text = logs.scrub_text(f"peer {around}{raw.hex()}{around} left")
    assert raw.hex() not in text
    assert text.startswith("peer ")


def test_the_level_decides_what_is_written(
    written: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = ["a_debug", "b_warning"]
    for level, expected in ((logging.WARNING, both[1:]), (logging.DEBUG, both)):
        written = io.StringIO()
        monkeypatch.setattr(sys, "stderr", written)
        logs.configure_logging(level)
        log = structlog.get_logger()
        log.debug("a_debug")
        log.warning("b_warning")
        found = [line.split("event=")[1].strip() for line in written.getvalue().splitlines()]
        assert found == expected


def test_a_standard_error_that_is_gone_ends_nobody(
    written: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = io.StringIO()
    gone.close()
    monkeypatch.setattr(sys, "stderr", gone)
    logs.configure_logging()
    structlog.get_logger().warning("nobody_reads_this")
