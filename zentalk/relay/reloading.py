"""Lets a running relay take over some settings; all others wait for a restart.

Nothing is changed halfway: what cannot be applied is refused before anything is.
"""

from __future__ import annotations

from typing import Final

from zentalk.config import RelaySettings
from zentalk.relay.access.doorkeeper import AccessRules
from zentalk.relay.wiring import RelayWiring

RELOADABLE: Final = ("bootstraps", "max_links", "private", "storage_bytes")


def changed(before: RelaySettings, after: RelaySettings) -> list[str]:
    """Return the keys whose values differ."""
    return [
        name for name in type(before).model_fields if getattr(before, name) != getattr(after, name)
    ]


def apply(
    wiring: RelayWiring,
    before: RelaySettings,
    after: RelaySettings,
    max_links: int,
    rules: AccessRules,
) -> RelaySettings:
    """Let a running relay use what it can of new settings; return those that hold now.

    `max_links` is how many connections `after` and the system allow. Connections beyond it are
    not ended; no new one comes in their place. Those that `rules` do not allow are ended.
    """
    wiring.doorkeeper.use(rules)
    wiring.capacity.admission.limit(max_links)
    wiring.shards.use_quota(after.storage_bytes)
    if after.bootstraps != before.bootstraps:
        wiring.directory.use_bootstraps(after.bootstraps)
    return before.model_copy(update={name: getattr(after, name) for name in RELOADABLE})
