"""Loggers of the library are silent until a program configures logging."""

import logging

import pytest
import structlog

from zentalk.logs import quiet_logger


def test_nothing_is_printed_until_logging_is_configured(
    capsys: pytest.CaptureFixture[str],
) -> None:
    quiet_logger("test").warning("an_event", number=1)
    assert capsys.readouterr() == ("", "")


def test_control_a_plain_logger_prints(capsys: pytest.CaptureFixture[str]) -> None:
    structlog.get_logger("test").warning("an_event")
    assert "an_event" in capsys.readouterr().out


def test_once_it_is_configured_it_logs(capsys: pytest.CaptureFixture[str]) -> None:
    log = quiet_logger("test")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    log.info("too_little")
    log.warning("an_event", number=1)
    assert "an_event" in (said := capsys.readouterr().out)
    assert "too_little" not in said
