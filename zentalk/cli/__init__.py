"""The command line: commands stand in `parser` and `node_commands`, and other modules act on them.

The only part that prints. What a command answers goes to standard output, everything else to
standard error; a secret goes nowhere but where it was asked for (`zentalk api token`).
"""

from __future__ import annotations

from zentalk.cli.entry import main

__all__ = ["main"]
