"""The commands about programs that are told of events and devices that are woken.

`zentalk.cli.webhook` and `zentalk.cli.push` act on their arguments.
"""

from __future__ import annotations

from typing import Annotated

from zentalk.cli.grammar import Group, Parameter
from zentalk.cli.options import AsJson, RunningNode

webhook = Group("webhook", "Let your running API node tell other programs of events.")
push = Group("push", "Let your running API node wake devices that are away.")

WebhookId = Annotated[str, Parameter(help="The id of the webhook; see: zentalk webhook list")]
Seq = Annotated[int | None, Parameter(help="The number of one dead letter. [default: all of them]")]
OfDevice = Annotated[
    str | None,
    Parameter(
        "--device",
        help="The name or id of the device, if not the one whose token is used.",
    ),
]


@webhook.command(name="add")
def webhook_add(
    place: Annotated[str, Parameter("URL", help="Where to post events: http://... or https://...")],
    /,
    *,
    node: RunningNode,
    types: Annotated[
        list[str] | None,
        Parameter("--type", help="Only this type of event; 'message.' is all that begin so."),
    ] = None,
    conversation: Annotated[
        str | None, Parameter(help="Only events of the conversation with this address.")
    ] = None,
    full: Annotated[
        bool, Parameter(help="Send texts and names too, in the clear, to whoever serves the URL.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Add a webhook and print its id and the secret that signs. The secret is not shown again."""
    from zentalk.cli import webhook as act

    return act.add(node.at, place, types or [], conversation, full=full, as_json=as_json)


@webhook.command(name="list")
def webhook_list(*, node: RunningNode, as_json: AsJson = False) -> int:
    """List webhooks: how many events wait for each, how many were given up, and what went wrong."""
    from zentalk.cli import webhook as act

    return act.list_all(node.at, as_json=as_json)


@webhook.command(name="remove")
def webhook_remove(webhook: WebhookId, /, *, node: RunningNode, as_json: AsJson = False) -> int:
    """Remove a webhook with its dead letters. Nothing more is sent to it."""
    from zentalk.cli import webhook as act

    return act.remove(node.at, webhook, as_json=as_json)


@webhook.command(name="dead")
def webhook_dead(webhook: WebhookId, /, *, node: RunningNode, as_json: AsJson = False) -> int:
    """List the events that were given up for a webhook, and why."""
    from zentalk.cli import webhook as act

    return act.dead(node.at, webhook, as_json=as_json)


@webhook.command(name="retry")
def webhook_retry(
    webhook: WebhookId,
    seq: Seq = None,
    /,
    *,
    node: RunningNode,
    as_json: AsJson = False,
) -> int:
    """Send dead letters once more, and at once what waits for its next try."""
    from zentalk.cli import webhook as act

    return act.retry(node.at, webhook, seq, as_json=as_json)


@webhook.command(name="forget")
def webhook_forget(
    webhook: WebhookId, seq: Seq = None, /, *, node: RunningNode, as_json: AsJson = False
) -> int:
    """Delete one dead letter, or all. The events stay in the log of your node."""
    from zentalk.cli import webhook as act

    return act.forget(node.at, webhook, seq, as_json=as_json)


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
