"""A long run guided by coverage: `python -m tests.fuzz.guided CORPUS_FOLDER [libFuzzer options]`.

Needs the package atheris, which is not one of the test tools: it has wheels for few machines
and its runs have no end. The first byte of an input chooses the parser, the rest is for it.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import tempfile
from pathlib import Path

MISSING = 77
"""The exit code by which build tools know a test that was left out."""


def main() -> int:
    """Fuzz until something is found or the options say so."""
    if importlib.util.find_spec("atheris") is None:
        sys.stderr.write("left out: atheris is not installed; try: pip install atheris\n")
        return MISSING
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["zentalk"]):
        runner = importlib.import_module("tests.fuzz.runner")
    targets = runner.all_targets(Path(tempfile.mkdtemp(prefix="zentalk-fuzz-")))
    corpus = next((Path(word) for word in sys.argv[1:] if not word.startswith("-")), None)
    if corpus is not None:
        corpus.mkdir(parents=True, exist_ok=True)
        for number, parser in enumerate(targets):
            for at, data in enumerate(parser.seeds):
                (corpus / f"seed-{number}-{at}").write_bytes(bytes([number]) + data)

    def one(data: bytes) -> None:
        if not data:
            return
        outcome = runner.Outcome()
        runner.try_one(targets[data[0] % len(targets)], data[1:], outcome)
        if outcome.findings:
            raise AssertionError(outcome.findings[0])

    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
