"""Examples of answers, for the OpenAPI document: one for each model that a route answers with."""

from __future__ import annotations

import json
from typing import Any, Final

from zentalk.rest.examples import (
    ALICE,
    BOB,
    CAROL,
    CID,
    CODE,
    FILE_ID,
    GROUP,
    MESSAGE_ID,
    NOON,
    PICTURE,
    SAFETY_NUMBER,
    SHORT_ID,
)

Example = dict[str, Any]

_RELAY: Final = "zt-relay:aebagbafaydqqcikbmga2dqpcaireeyuculbogazdinryhi6d4qa@relay.example:9001"
_CONTACT: Final[Example] = {
    "address": BOB,
    "name": "Bob",
    "state": "contact",
    "added_at": NOON,
    "invite": "",
    "introduced_by": "",
    "verified": False,
    "verified_at": None,
    "warning": "",
}
_FILE: Final[Example] = {
    "id": FILE_ID,
    "cid": CID,
    "name": "harbour.jpg",
    "media_type": "image/jpeg",
    "size": 1_500_000,
    "state": "kept",
    "reason": "",
    "sent": 1_500_000,
    "here": True,
    "created_at": NOON,
}
_MESSAGE: Final[Example] = {
    "id": MESSAGE_ID,
    "seq": 12,
    "conversation": BOB,
    "direction": "out",
    "kind": "text",
    "text": "Tea at five?",
    "state": "queued",
    "reason": "",
    "sent_at": NOON,
    "missing": 0,
    "author": ALICE,
    "body": None,
    "reply_to": None,
    "forwarded": False,
    "mentions": [],
    "edited": False,
    "deleted": False,
    "pinned": False,
    "starred": False,
    "expires_at": None,
    "timer_seconds": 0,
    "reactions": [{"author": BOB, "emoji": "👍"}],
    "votes": [],
    "shared_by": "",
}
_CONVERSATION: Final[Example] = {
    "address": BOB,
    "name": "Bob",
    "shown_name": "Bob",
    "looks_like": "",
    "last_text": "Tea at five?",
    "last_at": NOON,
    "unread": 0,
    "muted_until": 0.0,
    "timer_seconds": 0,
    "draft": "",
    "group": False,
    "role": "",
}
_GROUP: Final[Example] = {
    "conversation": GROUP,
    "standing": "joined",
    "invited_by": "",
    "kind": "group",
    "name": "Crew",
    "shown_name": "Crew",
    "looks_like": "",
    "role": "admin",
    "description": "Who is on board",
    "picture": "",
    "posting": "members",
    "member_count": 2,
    "confirmed_by": 1,
    "unconfirmed": False,
    "successor": "",
    "continues": "",
    "full": False,
    "founderless": False,
}
_TICKET: Final[Example] = {
    "id": "0f" * 16,
    "by": ALICE,
    "role": "member",
    "uses": 20,
    "used": 1,
    "expires_at": int(NOON) + 86_400,
    "closed": False,
}
_FOUNDER: Final[Example] = {
    "address": ALICE,
    "role": "admin",
    "status": "joined",
    "rank": 0,
    "invited_by": "",
}
_MEMBER: Final[Example] = {
    "address": BOB,
    "role": "member",
    "status": "joined",
    "rank": None,
    "invited_by": ALICE,
}
_PUSH: Final[Example] = {
    "device": SHORT_ID,
    "host": "push.example",
    "encrypted": False,
    "signed": False,
    "types": [],
    "created_at": NOON,
    "woken_at": None,
    "delivered_at": None,
    "failures": 0,
    "next_at": 0.0,
    "last_error": "",
    "stopped": "",
}
_INVITE: Final[Example] = {
    "id": SHORT_ID,
    "link": f"zentalk:{ALICE}#aaaaaaaaaaaaaaaaaaaaaaaaaav2a4a",
    "state": "open",
    "name": "Bob",
    "accepts": True,
    "max_uses": 1,
    "uses": 0,
    "created_at": NOON,
    "expires_at": NOON + 86_400,
    "group": "",
}
_DEVICE: Final[Example] = {
    "id": SHORT_ID,
    "name": "phone",
    "scope": "write",
    "added_at": NOON,
    "added_by": "owner",
    "last_seen": None,
    "connected": False,
}
_PAIRING: Final[Example] = {
    "id": SHORT_ID,
    "name": "phone",
    "scope": "write",
    "expires_at": NOON + 300,
}
_WEBHOOK: Final[Example] = {
    "id": SHORT_ID,
    "url": "http://127.0.0.1:8080/hook",
    "types": ["message."],
    "conversation": None,
    "content": "ids",
    "created_at": NOON,
    "delivered_at": None,
    "cursor": 41,
    "waiting": 0,
    "failures": 0,
    "failing_since": None,
    "next_at": 0.0,
    "last_error": "",
    "dead": 0,
}
_EVENT: Final[Example] = {
    "seq": 42,
    "type": "message.state",
    "at": NOON,
    "data": {"id": MESSAGE_ID, "conversation": BOB, "state": "sent", "reason": ""},
}
STREAM_EXAMPLE: Final = f"id: 42\nevent: message.state\ndata: {json.dumps(_EVENT)}\n\n"
"""Of server-sent events."""

ANSWER_EXAMPLES: Final[dict[str, Example]] = {
    "Health": {"status": "ok"},
    "Me": {"address": ALICE, "name": "Alice"},
    "ImportOut": {
        "contact_added": True,
        "added": 1,
        "known": 0,
        "expired": 0,
        "after": -5_330_849_342_603_263,
    },
    "NetworkReport": {
        "ready": True,
        "relays_known": 5,
        "guards_connected": 2,
        "mailboxes": 2,
        "tunnels": "full",
        "notes": [],
        "entries": [_RELAY],
        "unit_sizes": [2048],
        "profile": "fast",
        "lossy_relays": [],
    },
    "Proof": {"proof": "00" * 32},
    "Contact": _CONTACT,
    "Contacts": {"contacts": [_CONTACT | {"shown_name": "Bob", "looks_like": ""}]},
    "Safety": {
        "address": BOB,
        "number": SAFETY_NUMBER,
        "groups": [SAFETY_NUMBER[start : start + 5] for start in range(0, 60, 5)],
        "qr": f"zentalk-safety:{SAFETY_NUMBER}",
        "verified": False,
        "verified_at": None,
        "warning": "",
    },
    "Direct": {
        "address": BOB,
        "allowed": True,
        "allowed_by_them": True,
        "path": "direct",
        "why_not": "",
    },
    "IntroducedPeople": {
        "introductions": [
            {
                "address": CAROL,
                "name": "Carol",
                "shown_name": "Carol",
                "looks_like": "",
                "introduced_by": BOB,
                "at": NOON,
            }
        ]
    },
    "Invite": _INVITE,
    "InviteList": {"invites": [_INVITE]},
    "HistoryShared": {"messages": 42},
    "Message": _MESSAGE,
    "Messages": {"messages": [_MESSAGE]},
    "MessagesPage": {"messages": [_MESSAGE], "older": "older.12", "newer": "newer.12"},
    "SearchResults": {
        "messages": [_MESSAGE],
        "names": [
            {"address": BOB, "name": "Bob", "shown_name": "Bob", "looks_like": "", "group": False}
        ],
    },
    "Conversations": {"conversations": [_CONVERSATION]},
    "OpenConversation": _CONVERSATION | {"typing": False, "present": True, "pinned": []},
    "Groups": {"groups": [_GROUP]},
    "GroupDetails": _GROUP
    | {"members": [_FOUNDER, _MEMBER], "conflicts": [], "tickets": [_TICKET]},
    "ShownGroupPicture": {"picture": PICTURE},
    "MemberDeliveries": {
        "deliveries": [{"address": BOB, "state": "delivered", "reason": "", "at": NOON}]
    },
    "LinkedNodes": {
        "role": "first",
        "term": 0,
        "recovery": True,
        "strict": False,
        "pending": 0,
        "unconfirmed": 0,
        "note": "",
        "links": [
            {
                "id": SHORT_ID,
                "state": "linked",
                "created_at": NOON,
                "expires_at": None,
                "linked_at": NOON + 60,
                "heard_at": NOON + 90,
                "behind": 0,
            }
        ],
    },
    "Files": {"files": [_FILE]},
    "File": _FILE,
    "FileHealth": {
        "cid": CID,
        "state": "kept",
        "shards_live": 15,
        "shards_total": 15,
        "survives_node_losses": 5,
        "holders": 15,
        "silent": 0,
        "kept_until": NOON + 2_592_000,
        "checked_at": NOON,
        "found_missing": 0,
        "found_corrupt": 0,
        "found_silent": 0,
    },
    "MeshReport": {"holders": 40, "files": 1, "bytes": 1_500_000, "direct": False},
    "NewLink": {
        "id": SHORT_ID,
        "code": f"zentalk-link:{ALICE}#the-secret-is-shown-this-once",
        "expires_at": NOON + 3600,
    },
    "PushEndpoints": {"endpoints": [_PUSH]},
    "PushEndpoint": _PUSH,
    "PushKey": {"key": "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIg"},
    "PushTested": {"accepted": True, "status": 201, "error": ""},
    "PresenceNow": {"number": 3, "typing": [], "present": [BOB]},
    "OwnPrivacy": {"read_receipts": True, "typing": True, "presence": True},
    "ShownProfile": {
        "address": BOB,
        "version": 1,
        "name": "Bob",
        "shown_name": "Bob",
        "looks_like": "",
        "status": "at sea",
        "avatar": PICTURE,
    },
    "EventsPage": {"events": [_EVENT], "next": 42},
    "Devices": {"devices": [_DEVICE]},
    "NewDevice": _DEVICE | {"token": "the-token-of-the-phone-is-shown-this-once-00"},
    "OpenPairings": {"pairings": [_PAIRING]},
    "NewPairing": _PAIRING | {"code": CODE, "link": f"zentalk-pair:http://127.0.0.1:3001#{CODE}"},
    "Mailboxes": {
        "mailboxes": [
            {
                "id": SHORT_ID,
                "relay": _RELAY,
                "current": True,
                "collected": True,
                "since": NOON,
                "until": None,
            }
        ]
    },
    "Webhooks": {"webhooks": [_WEBHOOK]},
    "NewWebhook": _WEBHOOK | {"secret": "the-secret-of-the-webhook-is-shown-once-0"},
    "DeadLetters": {"dead": [{"event": _EVENT, "died_at": NOON, "reason": "it answered 410"}]},
    "Retried": {"retried": 1},
}
"""By the name of the model of the answer."""
