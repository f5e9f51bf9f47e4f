"""What does not work is said once, however long it lasts and whatever a peer calls it."""

from structlog.testing import capture_logs

from zentalk.errors import ConnectFailedError, DeadlineError, RefusedError
from zentalk.node.relays.troubles import MAX_REASONS, MAX_THINGS, Troubles, reason_of


def test_each_reason_is_said_once_until_it_works() -> None:
    troubles = Troubles("relay_not_reached")
    with capture_logs() as said:
        for reason in ("no answer", "no answer", "nobody listens there", "no answer"):
            troubles.failed("r1:9001", reason)
        troubles.works("r1:9001")
        troubles.failed("r1:9001", "no answer")
        troubles.failed("r2:9001", "no answer")
    assert [(line["event"], line["place"], line["reason"]) for line in said] == [
        ("relay_not_reached", "r1:9001", "no answer"),
        ("relay_not_reached", "r1:9001", "nobody listens there"),
        ("relay_not_reached", "r1:9001", "no answer"),
        ("relay_not_reached", "r2:9001", "no answer"),
    ]


def test_a_peer_that_has_a_new_reason_each_time_fills_no_log() -> None:
    troubles = Troubles("mailbox_not_collected")
    with capture_logs() as said:
        for number in range(10 * MAX_REASONS):
            troubles.failed(1, f"reason-{number}")
    assert len(said) == MAX_REASONS


def test_what_is_remembered_is_bounded() -> None:
    troubles = Troubles("relay_not_reached")
    with capture_logs():
        for number in range(2 * MAX_THINGS):
            troubles.failed(number, "no answer")
    assert len(troubles._said) == MAX_THINGS
    assert 0 not in troubles._said


def test_a_reason_is_that_of_the_first_fault_without_the_address() -> None:
    refused = RefusedError("full")
    grouped = BaseExceptionGroup("a", [BaseExceptionGroup("b", [refused]), ValueError("c")])
    assert reason_of(grouped) == "the peer refused: full"
    assert reason_of(ConnectFailedError("r1:9001", "no answer")) == "no answer"
    assert reason_of(DeadlineError("the peer did not answer in time")) == (
        "the peer did not answer in time"
    )
