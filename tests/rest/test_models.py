"""Bodies refuse what they do not know; resources pass over it, and hide tokens in a traceback."""

import subprocess
import sys
from dataclasses import fields
from enum import StrEnum
from typing import get_args

import pytest
from pydantic import ValidationError

from zentalk.node.status import NodeStatus
from zentalk.rest import contacts, groups, messages
from zentalk.rest.contacts import ContactIn
from zentalk.rest.conversations import TimerIn, VoteIn
from zentalk.rest.devices import NewDevice
from zentalk.rest.events import Event
from zentalk.rest.messages import Message
from zentalk.rest.node import NetworkReport
from zentalk.store.history.groups import GroupStanding
from zentalk.store.history.models import ContactState, Direction, MessageState, StoredMessage

NEVER_SHOWN = {ContactState.REMOVED, ContactState.MEMBER, ContactState.GROUP}
STORED = StoredMessage(
    "a" * 32, 1, "zt1", Direction.OUT, "text", "hello é", MessageState.SENT, "", 1.5
)


def test_a_body_refuses_unknown_fields_and_wrong_types() -> None:
    with pytest.raises(ValidationError):
        ContactIn.model_validate({"address": "zt1", "nickname": "Bob"})
    with pytest.raises(ValidationError):
        ContactIn.model_validate({"address": 1})


def test_a_whole_number_may_be_written_with_a_point_as_json_allows() -> None:
    assert TimerIn.model_validate_json('{"seconds": 60.0}').seconds == 60
    assert VoteIn.model_validate_json('{"options": [1.0]}').options == [1]
    for other in ("60.5", '"60"', "true", "1e400"):
        with pytest.raises(ValidationError):
            TimerIn.model_validate_json(f'{{"seconds": {other}}}')


def test_the_report_of_the_network_has_all_that_the_node_says() -> None:
    assert set(NetworkReport.model_fields) == {field.name for field in fields(NodeStatus)}


def test_a_resource_passes_over_unknown_fields_and_misses_known_ones() -> None:
    line = {"seq": 1, "type": "message.state", "at": 1.5, "data": {}}
    assert Event.model_validate(line | {"colour": "red"}) == Event.model_validate(line)
    del line["data"]
    with pytest.raises(ValidationError):
        Event.model_validate(line)


def test_a_resource_is_made_of_the_nodes_own_object_and_is_compact_json() -> None:
    assert Message.model_validate(STORED).model_dump_json().encode() == (
        b'{"id":"%s","seq":1,"conversation":"zt1","direction":"out","kind":"text",'
        b'"text":"hello \xc3\xa9","state":"sent","reason":"","sent_at":1.5,"missing":0,'
        b'"author":"","body":null,"reply_to":null,"forwarded":false,"mentions":[],'
        b'"edited":false,"deleted":false,"pinned":false,"starred":false,"expires_at":null,'
        b'"timer_seconds":0,"reactions":[],"votes":[],"shared_by":""}' % (b"a" * 32)
    )


def test_a_new_devices_token_is_not_in_its_repr() -> None:
    told = {"id": "1", "name": "phone", "scope": "read", "added_at": 1.0, "added_by": "owner"}
    device = NewDevice.model_validate(told | {"token": "s3cret-token"})
    assert "s3cret-token" not in repr(device)
    assert "s3cret-token" in device.model_dump_json()


def test_the_contract_and_the_client_load_no_web_framework() -> None:
    code = (
        "import sys, zentalk.client, zentalk.rest.messages\n"
        "print(sorted({'fastapi', 'starlette'} & sys.modules.keys()))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    )
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("shown", "stored"),
    [
        (messages.States, list(MessageState)),
        (messages.Directions, list(Direction)),
        (contacts.States, [state for state in ContactState if state not in NEVER_SHOWN]),
        (groups.Standings, [one for one in GroupStanding if one != GroupStanding.INCOMPLETE]),
    ],
)
def test_the_contract_has_all_words_of_the_store(shown: object, stored: list[StrEnum]) -> None:
    assert list(get_args(shown)) == stored
