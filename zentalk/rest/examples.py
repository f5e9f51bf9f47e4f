"""Examples of requests, for the OpenAPI document: one for each body, each of which is valid.

People and generators of clients read them, and tools that try out an API begin with them.
"""

from __future__ import annotations

from typing import Any, Final

ALICE: Final = "zt1aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dyprzq6y"
BOB: Final = "zt1aebagbafaydqqcikbmga2dqpcaireeyuculbogazdinryhi6d4qd56ue"
CAROL: Final = "zt1aibqibiga4eascqlbqgq4dyqcejbgfavcylrqgi2dmob2hq7eaq2pvns"
GROUP: Final = "zt1amcakbqhbaequcymbuha6earcijrifiwc4mbsgq3dqor4hzaeergwubb"
MESSAGE_ID: Final = "6b0d2ab28c0f4fd59f8d8a1c2e6a7b30"
SHORT_ID: Final = "8f14e45fceea167a"
CID: Final = "5f" * 32
FILE_ID: Final = "c3" * 16
CODE: Final = "QX7K-2MZP-NB4T-6WRA"
SAFETY_NUMBER: Final = "760095002814802405463796814853011830183187156938039509777293"
PICTURE: Final = "iVBORw0KGgo="
NOON: Final = 1_795_190_400.0

PARAMETER_EXAMPLES: Final[dict[str, str]] = {
    "link": f"zentalk-message:{ALICE}/{MESSAGE_ID}",
    "address": BOB,
    "group": GROUP,
    "message_id": MESSAGE_ID,
    "invite_id": SHORT_ID,
    "ticket": "0f" * 16,
    "device_id": SHORT_ID,
    "link_id": SHORT_ID,
    "pairing_id": SHORT_ID,
    "webhook_id": SHORT_ID,
    "nonce": "00" * 32,
    "key": "00" * 16,
    "cid": CID,
    "q": "green tea",
}
"""Of the parameters that a request must have, by name."""

BODY_EXAMPLES: Final[dict[str, dict[str, Any]]] = {
    "ContactIn": {"address": BOB, "name": "Bob"},
    "IntroduceIn": {"to": CAROL, "name": "Bob", "to_name": "Carol"},
    "VerifyIn": {"confirmed": True},
    "InviteIn": {"name": "Bob", "max_uses": 1, "expires_in_seconds": 86_400, "accepts": True},
    "GroupHistoryIn": {"count": 100},
    "GroupJoinIn": {"link": f"zentalk:{ALICE}#aaaaaaaaaaaaaaaaaaaaaaaaaav2a4a"},
    "MessageIn": {"text": "Tea at five?"},
    "EditIn": {"text": "Tea at six?"},
    "ReactionIn": {"emoji": "👍"},
    "VoteIn": {"options": [0]},
    "TimerIn": {"seconds": 86_400},
    "DirectIn": {"allowed": True},
    "MuteIn": {"until": 0},
    "DraftIn": {"text": "I wanted to"},
    "TypingIn": {"typing": True},
    "PresenceIn": {"chats": [BOB]},
    "ImportIn": {
        "name": "Bob",
        "state": "contact",
        "after": None,
        "messages": [
            {
                "id": MESSAGE_ID,
                "author": BOB,
                "direction": "in",
                "kind": "text",
                "text": "Tea at five?",
                "state": "received",
                "sent_at": NOON,
            }
        ],
    },
    "ForwardIn": {"conversation": CAROL, "id": MESSAGE_ID},
    "PrivacyIn": {"read_receipts": False},
    "ProfileIn": {"name": "Alice", "status": "at sea", "avatar": PICTURE},
    "GroupIn": {"name": "Crew", "kind": "group", "members": [BOB]},
    "GroupChangeIn": {"description": "Who is on board"},
    "GroupInvitationIn": {"members": [CAROL]},
    "MemberRoleIn": {"role": "admin"},
    "GroupPictureIn": {"picture": PICTURE},
    "PushIn": {"endpoint": "https://push.example/UP?token=A", "device": SHORT_ID},
    "DeviceIn": {"name": "phone", "scope": "write"},
    "PairingIn": {"name": "phone", "scope": "write"},
    "RedeemIn": {"code": CODE},
    "MoveIn": {"id": SHORT_ID},
    "WebhookIn": {"url": "http://127.0.0.1:8080/hook", "types": ["message."], "content": "ids"},
    "RetryIn": {},
    "RecoveryIn": {"sealed": "01" + "7a" * 112},
}
"""By the name of the model of the body."""
