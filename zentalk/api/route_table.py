"""Every route of REST with what it asks of a token, and its name in the OpenAPI document.

The one place that says who may do what. A route that is not in the table needs the owner's token:
whoever forgets a line here shuts devices out, and lets none in (tests/api/test_route_table.py
finds the route). The table says nothing of Host, Origin or rates, which `zentalk.api.guard` checks.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from zentalk.web.token_proof import PROOF_PATH
from zentalk.wire.devices import DeviceScope


class Need(IntEnum):
    """What a request must show; a token meets its own need and all lower ones."""

    NOTHING = 0
    READ = 1
    WRITE = 2
    ADMIN = 3
    OWNER = 4


NEED_OF: Final[Mapping[DeviceScope, Need]] = MappingProxyType(
    {scope: Need[scope.name] for scope in DeviceScope}
)
"""What the token of a device meets."""


class Operation(NamedTuple):
    """One route: what it needs, and its operation id, which never changes once released."""

    need: Need
    name: str


_NOTHING, _READ, _WRITE, _ADMIN, _OWNER = Need

_MESSAGE: Final = "/v1/conversations/{address}/messages/{message_id}"

ROUTES: Final[Mapping[str, Operation]] = MappingProxyType(
    {
        "GET /v1/health": Operation(_NOTHING, "getHealth"),
        "GET /v1/openapi.json": Operation(_NOTHING, "getDescription"),
        "GET /docs": Operation(_NOTHING, "getReference"),
        "GET /docs/{name}": Operation(_NOTHING, "getReferenceFile"),
        f"GET {PROOF_PATH}": Operation(_NOTHING, "proveToken"),
        "GET /v1/me": Operation(_READ, "getOwner"),
        "GET /v1/network": Operation(_READ, "getNetwork"),
        "GET /v1/contacts": Operation(_READ, "listContacts"),
        "POST /v1/contacts": Operation(_WRITE, "addContact"),
        "DELETE /v1/contacts/{address}": Operation(_WRITE, "removeContact"),
        "POST /v1/contacts/{address}/accept": Operation(_WRITE, "acceptRequest"),
        "POST /v1/contacts/{address}/refuse": Operation(_WRITE, "refuseRequest"),
        "POST /v1/contacts/{address}/block": Operation(_WRITE, "blockPerson"),
        "POST /v1/contacts/{address}/unblock": Operation(_WRITE, "unblockPerson"),
        "GET /v1/conversations": Operation(_READ, "listConversations"),
        "GET /v1/conversations/{address}/messages": Operation(_READ, "listMessages"),
        "POST /v1/conversations/{address}/messages": Operation(_WRITE, "sendMessage"),
        "POST /v1/conversations/{address}/read": Operation(_WRITE, "markConversationRead"),
        "GET /v1/conversations/{address}": Operation(_READ, "getConversation"),
        "DELETE /v1/conversations/{address}/messages": Operation(_WRITE, "clearConversation"),
        "POST /v1/conversations/{address}/import": Operation(_ADMIN, "importMessages"),
        "PUT /v1/conversations/{address}/timer": Operation(_WRITE, "setTimer"),
        "PUT /v1/conversations/{address}/mute": Operation(_WRITE, "muteConversation"),
        "PUT /v1/conversations/{address}/draft": Operation(_WRITE, "saveDraft"),
        "POST /v1/conversations/{address}/typing": Operation(_WRITE, "sendTyping"),
        "POST /v1/conversations/{address}/forward": Operation(_WRITE, "forwardMessage"),
        f"PATCH {_MESSAGE}": Operation(_WRITE, "editMessage"),
        f"DELETE {_MESSAGE}": Operation(_WRITE, "deleteMessage"),
        f"PUT {_MESSAGE}/reaction": Operation(_WRITE, "reactToMessage"),
        f"PUT {_MESSAGE}/vote": Operation(_WRITE, "voteInPoll"),
        f"PUT {_MESSAGE}/pin": Operation(_WRITE, "pinMessage"),
        f"DELETE {_MESSAGE}/pin": Operation(_WRITE, "unpinMessage"),
        f"PUT {_MESSAGE}/star": Operation(_WRITE, "starMessage"),
        f"DELETE {_MESSAGE}/star": Operation(_WRITE, "unstarMessage"),
        "GET /v1/starred": Operation(_READ, "listStarred"),
        "POST /v1/contacts/{address}/introduce": Operation(_WRITE, "introduceContact"),
        "GET /v1/contacts/{address}/safety": Operation(_READ, "getSafetyNumber"),
        "GET /v1/contacts/{address}/direct": Operation(_READ, "getDirect"),
        "PUT /v1/contacts/{address}/direct": Operation(_WRITE, "allowDirect"),
        "POST /v1/contacts/{address}/verify": Operation(_WRITE, "verifyContact"),
        "DELETE /v1/contacts/{address}/verify": Operation(_WRITE, "unverifyContact"),
        "GET /v1/introductions": Operation(_READ, "listIntroductions"),
        "DELETE /v1/introductions/{address}": Operation(_WRITE, "forgetIntroductions"),
        "GET /v1/invites": Operation(_ADMIN, "listInvites"),
        "POST /v1/invites": Operation(_WRITE, "createInvite"),
        "GET /v1/invites/{invite_id}": Operation(_ADMIN, "getInvite"),
        "DELETE /v1/invites/{invite_id}": Operation(_WRITE, "revokeInvite"),
        "GET /v1/invites/{invite_id}/qr.png": Operation(_ADMIN, "getInvitePng"),
        "GET /v1/invites/{invite_id}/qr.svg": Operation(_ADMIN, "getInviteSvg"),
        "GET /v1/me/qr.png": Operation(_READ, "getAddressPng"),
        "GET /v1/me/qr.svg": Operation(_READ, "getAddressSvg"),
        "GET /v1/search": Operation(_READ, "searchMessages"),
        "GET /v1/presence": Operation(_READ, "getPresence"),
        "PUT /v1/presence": Operation(_WRITE, "setPresence"),
        "GET /v1/me/privacy": Operation(_READ, "getPrivacy"),
        "PATCH /v1/me/privacy": Operation(_WRITE, "setPrivacy"),
        "GET /v1/me/profile": Operation(_READ, "getProfile"),
        "PUT /v1/me/profile": Operation(_WRITE, "setProfile"),
        "GET /v1/contacts/{address}/profile": Operation(_READ, "getContactProfile"),
        "GET /v1/groups": Operation(_READ, "listGroups"),
        "POST /v1/groups": Operation(_WRITE, "createGroup"),
        "POST /v1/groups/join": Operation(_WRITE, "joinGroup"),
        "GET /v1/groups/{group}": Operation(_READ, "getGroup"),
        "PATCH /v1/groups/{group}": Operation(_WRITE, "changeGroup"),
        "DELETE /v1/groups/{group}": Operation(_WRITE, "forgetGroup"),
        "POST /v1/groups/{group}/accept": Operation(_WRITE, "acceptGroup"),
        "POST /v1/groups/{group}/leave": Operation(_WRITE, "leaveGroup"),
        "POST /v1/groups/{group}/members": Operation(_WRITE, "inviteToGroup"),
        "PUT /v1/groups/{group}/members/{address}": Operation(_WRITE, "setMemberRole"),
        "DELETE /v1/groups/{group}/members/{address}": Operation(_WRITE, "removeMember"),
        "POST /v1/groups/{group}/members/{address}/history": Operation(_WRITE, "shareHistory"),
        "DELETE /v1/groups/{group}/tickets/{ticket}": Operation(_WRITE, "closeGroupLink"),
        "GET /v1/groups/{group}/picture": Operation(_READ, "getGroupPicture"),
        "PUT /v1/groups/{group}/picture": Operation(_WRITE, "setGroupPicture"),
        "DELETE /v1/groups/{group}/picture": Operation(_WRITE, "removeGroupPicture"),
        f"GET {_MESSAGE}/deliveries": Operation(_READ, "listDeliveries"),
        "GET /v1/messages/{message_id}": Operation(_READ, "getMessage"),
        "GET /v1/linked-message": Operation(_READ, "getLinkedMessage"),
        "GET /v1/events": Operation(_READ, "listEvents"),
        "GET /v1/events/stream": Operation(_READ, "streamEvents"),
        "GET /v1/events/ws": Operation(_READ, "openEvents"),
        "GET /v1/webhooks": Operation(_OWNER, "listWebhooks"),
        "POST /v1/webhooks": Operation(_OWNER, "addWebhook"),
        "DELETE /v1/webhooks/{webhook_id}": Operation(_OWNER, "removeWebhook"),
        "GET /v1/webhooks/{webhook_id}/dead": Operation(_OWNER, "listDeadLetters"),
        "POST /v1/webhooks/{webhook_id}/dead/retry": Operation(_OWNER, "retryDeadLetters"),
        "DELETE /v1/webhooks/{webhook_id}/dead": Operation(_OWNER, "forgetDeadLetters"),
        "GET /v1/push": Operation(_READ, "listPushEndpoints"),
        "POST /v1/push": Operation(_WRITE, "registerPush"),
        "GET /v1/push/key": Operation(_READ, "getPushKey"),
        "DELETE /v1/push/{device_id}": Operation(_WRITE, "removePush"),
        "POST /v1/push/{device_id}/test": Operation(_WRITE, "testPush"),
        "GET /v1/files": Operation(_READ, "listFiles"),
        "POST /v1/files": Operation(_WRITE, "addFile"),
        "GET /v1/files/{cid}": Operation(_READ, "getFile"),
        "POST /v1/mesh/upload": Operation(_WRITE, "uploadFile"),
        "GET /v1/mesh/download/{cid}": Operation(_READ, "downloadFile"),
        "GET /v1/mesh/status/{cid}": Operation(_READ, "getFileHealth"),
        "DELETE /v1/mesh/delete/{cid}": Operation(_WRITE, "deleteFile"),
        "POST /v1/mesh/rotate/{cid}": Operation(_WRITE, "rotateFile"),
        "GET /v1/mesh/network": Operation(_READ, "getMesh"),
        "GET /v1/mailboxes": Operation(_READ, "listMailboxes"),
        "POST /v1/mailboxes/move": Operation(_ADMIN, "moveMailboxes"),
        "GET /v1/links": Operation(_READ, "getLinks"),
        "POST /v1/links": Operation(_OWNER, "openLink"),
        "PUT /v1/links/recovery": Operation(_OWNER, "keepRecovery"),
        "DELETE /v1/links/{link_id}": Operation(_OWNER, "removeLink"),
        "GET /v1/devices": Operation(_ADMIN, "listDevices"),
        "POST /v1/devices": Operation(_OWNER, "addDevice"),
        "DELETE /v1/devices/{device_id}": Operation(_OWNER, "revokeDevice"),
        "GET /v1/devices/pairings": Operation(_ADMIN, "listPairings"),
        "POST /v1/devices/pairings": Operation(_ADMIN, "openPairing"),
        "DELETE /v1/devices/pairings/{pairing_id}": Operation(_ADMIN, "cancelPairing"),
        "GET /v1/devices/pairings/{pairing_id}/qr": Operation(_ADMIN, "getPairingQr"),
        "POST /v1/pairings/redeem": Operation(_NOTHING, "redeemPairing"),
    }
)
"""By method and path template; HEAD is GET."""


class _Branch:
    """One segment of paths: what may follow it, and what a path needs that ends here."""

    def __init__(self) -> None:
        self.named: dict[str, _Branch] = {}
        self.parameter: _Branch | None = None
        self.needs: dict[str, Need] = {}


class RouteTable:
    """Finds what a request needs by its method and path."""

    def __init__(self, routes: Mapping[str, Operation] = ROUTES) -> None:
        self._root = _Branch()
        for route, entry in routes.items():
            method, _, template = route.partition(" ")
            _grown(self._root, template).needs[method] = entry.need

    def need(self, method: str, path: str) -> Need:
        """Return what a request needs: the owner's token where no route is known."""
        needs = self._needs(path)
        return needs.get("GET" if method == "HEAD" else method, Need.OWNER)

    def methods(self, path: str) -> list[str]:
        """Return the methods that a path takes, in order; none if it is unknown."""
        known = set(self._needs(path))
        return sorted(known | {"HEAD"} if "GET" in known else known)

    def _needs(self, path: str) -> Mapping[str, Need]:
        branch = self._root
        for segment in path.split("/"):
            following = branch.named.get(segment) or (branch.parameter if segment else None)
            if following is None:
                return {}
            branch = following
        return branch.needs


def _grown(branch: _Branch, template: str) -> _Branch:
    """Return the branch of a path template, made if it was not there."""
    for segment in template.split("/"):
        if segment.startswith("{"):
            branch.parameter = branch.parameter or _Branch()
            branch = branch.parameter
        else:
            branch = branch.named.setdefault(segment, _Branch())
    return branch
