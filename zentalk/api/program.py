"""The API node as a program: the node and its REST in one nursery, stopped in the right order.

REST ends first and finishes what it accepted; then the node ends. So no request meets a node
that is already closed.
"""

from __future__ import annotations

import trio

from zentalk.api.server import serve
from zentalk.config import ApiSettings
from zentalk.net.runtime import Runtime
from zentalk.net.transport import Network
from zentalk.node.direct.udp_ways import ways_of
from zentalk.node.replica.roles import open_node


async def run_api_node(
    settings: ApiSettings,
    token: str,
    runtime: Runtime,
    network: Network,
    stopping: trio.Event,
    *,
    task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Run until `stopping`; `started` gets the URL of REST once it answers.

    Raises ConfigError or StorageError if identity, database or port cannot be had.
    """
    node = open_node(settings, runtime, network, ways_of(settings, runtime))

    async def rest(*, task_status: trio.TaskStatus[str]) -> None:
        try:
            await serve(node, settings, token, stopping, task_status=task_status)
        finally:
            node.stop()

    async with trio.open_nursery() as nursery:
        await nursery.start(node.run)
        task_status.started(await nursery.start(rest))
