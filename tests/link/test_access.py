"""A client that shows that it holds an access token: what travels, and what a proof is worth."""

import pytest

from tests.link.support import LOCAL, drain, initiator, open_pair, responder
from zentalk.link import hello as hello_module
from zentalk.link.events import LinkOpened, PeerLeft
from zentalk.link.geometry import cell_bytes
from zentalk.link.handshake import LinkSettings
from zentalk.link.hello import AccessProver, ClientCredentials
from zentalk.link.link import Link

SECRET = b"token of the relay".ljust(32, b".")
TOKEN = ClientCredentials(SECRET)


def shown(settings: LinkSettings = LOCAL) -> tuple[LinkOpened, Link, Link, bytes]:
    """Open a link with the token; return what the relay sees, both ends, and the hello's unit."""
    left, right = initiator(TOKEN, settings), responder(settings)
    right.receive(drain(left))
    left.receive(drain(right))
    unit = drain(left)
    (opened,) = right.receive(unit)
    assert isinstance(opened, LinkOpened)
    return opened, left, right, unit


@pytest.mark.parametrize("depth", [0, 1, 2, 3])
def test_a_proof_arrives_at_any_depth_in_a_unit_like_any_other(depth: int) -> None:
    opened, left, right, unit = shown(LinkSettings("local", depth))
    assert opened.peer.is_client
    assert opened.peer.access_proof == AccessProver(SECRET).proof(opened.handshake_hash)
    assert len(unit) == cell_bytes(depth)
    assert left.unit_sizes == right.unit_sizes == {cell_bytes(depth)}
    left.traffic.ping(1)
    right.receive(drain(left))
    assert right.unit_sizes == {cell_bytes(depth)}, "units stay those of a client"


def test_without_a_token_nothing_is_shown() -> None:
    left, right = initiator(), responder()
    right.receive(drain(left))
    left.receive(drain(right))
    (opened,) = right.receive(drain(left))
    assert isinstance(opened, LinkOpened)
    assert opened.peer.access_proof == b""


def test_a_proof_is_worth_nothing_on_another_link_or_with_another_token() -> None:
    first, *_ = shown()
    left, right = initiator(TOKEN, seed=b"again"), responder(seed=b"other")
    right.receive(drain(left))
    left.receive(drain(right))
    (second,) = right.receive(drain(left))
    assert isinstance(second, LinkOpened)
    prover = AccessProver(SECRET)
    assert first.peer.access_proof != prover.proof(second.handshake_hash)
    assert second.peer.access_proof == prover.proof(second.handshake_hash), "the control"
    assert second.peer.access_proof != AccessProver(bytes(32)).proof(second.handshake_hash)


def test_control_a_proof_that_is_not_over_the_handshake_could_be_shown_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("zentalk.link.noise.HandshakeState.hash", property(lambda _self: b"same"))
    first, *_ = shown()
    assert first.peer.access_proof == AccessProver(SECRET).proof(b"same")


def test_nothing_of_the_token_is_in_the_hello_or_in_a_repr() -> None:
    hello = hello_module.make_hello(TOKEN, b"hash")
    assert SECRET not in hello.payload()
    opened, *_ = shown()
    for shown_text in (repr(TOKEN), repr(opened.peer), repr(opened)):
        assert SECRET.hex() not in shown_text
        assert repr(SECRET)[2:-1] not in shown_text
        assert repr(opened.peer.access_proof)[2:-1] not in shown_text


def test_a_link_ends_with_a_word_that_says_why() -> None:
    left, right = open_pair()
    right.traffic.leave("access")
    assert left.receive(drain(right)) == [PeerLeft("access")]
