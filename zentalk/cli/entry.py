"""From arguments to an exit code: 0 done, 1 failed, 2 wrong arguments, 130 interrupted.

3 is between the first two: what was asked was done, and only its answer could not be printed.

Whatever happens below, the person sees one sentence and never a traceback: a traceback may
show what nobody but its owner should see.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, TypeVar

_Kind = TypeVar("_Kind", bound=BaseException)
DONE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
UNTOLD: Final = 3
INTERRUPTED: Final = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; `argv` defaults to the process's arguments."""
    try:
        code = _run(sys.argv[1:] if argv is None else argv)
    except KeyboardInterrupt:
        return INTERRUPTED
    except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 - the last line of defence
        return _explain(error)
    return code


def _run(argv: Sequence[str]) -> int:
    # Imported here, so that an interrupt while modules load is no traceback either.
    from zentalk.cli.parser import run

    return run(argv)


def _explain(error: BaseException) -> int:
    """Print the one sentence that an error has; the sentence of a bug names only its place."""
    from zentalk.cli.errors import UsageError
    from zentalk.cli.output import OutputLostError
    from zentalk.errors import ZentalkError

    lost = _find(error, OutputLostError)
    if lost is not None:
        _drop_output()
        if str(lost):
            _complain(str(lost))
        return UNTOLD if lost.done else FAILED
    known = _find(error, ZentalkError)
    if known is None and _find(error, KeyboardInterrupt) is not None:
        return INTERRUPTED
    _complain(_bug(error) if known is None else str(known))
    return USAGE if isinstance(known, UsageError) else FAILED


def _find(error: BaseException, kind: type[_Kind]) -> _Kind | None:
    """Return the first error of a kind, looking into groups."""
    if isinstance(error, kind):
        return error
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            found = _find(inner, kind)
            if found is not None:
                return found
    return None


def _bug(error: BaseException) -> str:
    place = _place(error)
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
        place = _place(error) or place
    return f"internal error: {type(error).__name__} at {place}; please report this line"


def _place(error: BaseException) -> str:
    """Return where an error was raised, as file:line."""
    trace = error.__traceback__
    place = ""
    while trace is not None:
        place = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


def _complain(sentence: str) -> None:
    from zentalk.cli.output import harmless

    if sys.stderr is None:  # It was closed before the start.
        return
    try:
        print(f"zentalk: {harmless(' '.join(sentence.split()))}", file=sys.stderr, flush=True)
    except OSError:
        return


def _drop_output() -> None:
    """Let nothing more be written to an output that takes nothing, not even at exit."""
    if sys.stdout is None:
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
