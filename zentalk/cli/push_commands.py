"""The commands about waking devices, and their arguments; `zentalk.cli.push` acts on them."""

from __future__ import annotations

from typing import Annotated

from zentalk.cli.grammar import Group, Parameter
from zentalk.cli.options import AsJson, RunningNode

push = Group("push", "Let your running API node wake devices that are away.")

OfDevice = Annotated[
    str | None,
    Parameter(
        "--device",
        help="The name or id of the device, if not the one whose token is used.",
    ),
]


@push.command(name="register")
def push_register(
    endpoint: Annotated[
        str | None,
        Parameter(
            "ENDPOINT",
            help="The endpoint of the device: http://... or https://... Without it, it is read from"
            " standard input, alone or as JSON with its keys.",
        ),
    ] = None,
    /,
    *,
    node: RunningNode,
    device: OfDevice = None,
    types: Annotated[
        list[str] | None,
        Parameter(
            "--type", help="Wake it for this type of event; 'message.' is all that begin so."
        ),
    ] = None,
    signed: Annotated[bool, Parameter(help="Sign the requests; see: zentalk push key")] = False,
    as_json: AsJson = False,
) -> int:
    """Let the node wake a device by the endpoint that its push server has given it."""
    from zentalk.cli import push as act

    return act.register(node.at, endpoint, device, types or [], signed=signed, as_json=as_json)


@push.command(name="list")
def push_list(*, node: RunningNode, as_json: AsJson = False) -> int:
    """List how devices are woken: whether they were, through which host, and what went wrong."""
    from zentalk.cli import push as act

    return act.list_all(node.at, as_json=as_json)


@push.command(name="test")
def push_test(*, node: RunningNode, device: OfDevice = None, as_json: AsJson = False) -> int:
    """Wake a device now, and say how its push server answers. The exit code is 1 if it refuses."""
    from zentalk.cli import push as act

    return act.test(node.at, device, as_json=as_json)


@push.command(name="key")
def push_key(*, node: RunningNode, device: OfDevice = None, as_json: AsJson = False) -> int:
    """Print the public key that a device names when it subscribes, for signed requests (VAPID)."""
    from zentalk.cli import push as act

    return act.key(node.at, device, as_json=as_json)


@push.command(name="remove")
def push_remove(*, node: RunningNode, device: OfDevice = None, as_json: AsJson = False) -> int:
    """Forget the endpoint of a device. It is woken no more."""
    from zentalk.cli import push as act

    return act.remove(node.at, device, as_json=as_json)
