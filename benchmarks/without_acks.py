"""`python -m benchmarks.without_acks`: zentalk's commands, with nodes that ask for no acks at all.

Only to measure what acks cost (`benchmarks.acks`): such a node would not notice relays that lose
its packets, and never say that a message is `sent`.
"""

from __future__ import annotations

import sys

from zentalk.cli import main
from zentalk.ids import NodeId
from zentalk.node.delivery import core
from zentalk.node.packets.sender import PacketSender
from zentalk.wire.deposit import Deposit


def ask_for_none() -> None:
    """Send confirmations once, as what nobody acknowledges, and all deposits without a token."""
    send_deposit = PacketSender.send_deposit

    def silent(
        sender: PacketSender, relay: NodeId, deposit: Deposit, _token: bytes | None
    ) -> tuple[tuple[NodeId, ...], bytes | None]:
        return send_deposit(sender, relay, deposit, None)

    setattr(PacketSender, "send_deposit", silent)  # noqa: B010 - mypy takes no other method
    setattr(core, "MAX_BEST_EFFORT", 0)  # noqa: B010 - nor another constant


if __name__ == "__main__":
    ask_for_none()
    sys.exit(main(sys.argv[1:]))
