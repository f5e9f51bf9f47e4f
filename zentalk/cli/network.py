"""`zentalk network`: how a running API node sees the network."""

from __future__ import annotations

from zentalk.cli.connect import At, running_node
from zentalk.cli.output import harmless, say, say_json

_FACTS = ("ready", "profile", "relays_known", "guards_connected", "mailboxes", "tunnels")


def status(at: At, *, as_json: bool) -> int:
    """Print what `GET /v1/network` answers: facts, notes, and relays that lose packets."""
    with running_node(at) as node:
        seen = node.get("/v1/network")
    if as_json:
        say_json(seen)
        return 0
    for name in _FACTS:
        say(f"{name.replace('_', ' '):17} {_shown(seen.get(name))}")
    for uri in seen.get("entries", ()):
        say(f"{'entry':17} {harmless(str(uri))}")
    for note in seen.get("notes", ()):
        say(f"{'note':17} {harmless(str(note))}")
    for bad in seen.get("lossy_relays", ()):
        say(
            f"{'loses packets':17} {harmless(str(bad['relay']))} as {bad['role']}: "
            f"{bad['lost']} of {bad['packets']}"
        )
    return 0


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return harmless(str(value))
