"""Says at the end of a run what came of its trials."""

import pytest

from tests.faults.trials import REPORTS

LEFT_OUT = ("seed", "messages", "faults", "crashed", "latency_ms")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print a line for each trial."""
    if REPORTS:
        terminalreporter.section("trials")
    for words, report in REPORTS:
        numbers = ", ".join(
            f"{name} {value}"
            for name, value in report.items()
            if name not in LEFT_OUT and value != 0
        )
        terminalreporter.write_line(f"{words}: {numbers}")
