"""Every domain-separation label of zentalk, in one table.

A label is used for one purpose only. Changing one breaks compatibility; adding one
here is the only way to get one. No label is a prefix of another (tested), so that a
label followed by data can never be read as another label.
"""

from __future__ import annotations

from enum import Enum


class Label(bytes, Enum):
    """A domain-separation label; the comment names what it separates."""

    # identities
    NODE_ID = b"zt-node-id-v1"
    ADDRESS_CHECK = b"zt-address-check-v1"
    INVITE_CHECK = b"zt-invite-check-v1"
    INVITE_SECRET = b"zt-invite-secret-v1"
    TICKET_HASH = b"zt-ticket-hash-v1"
    # link (spec: link)
    LINK_PROLOGUE = b"zt-link-prologue-v1"
    DIRECT_LINK = b"zt-direct-link-v1"
    LINK_RELAY_PROOF = b"zt-link-relay-proof-v1"
    LINK_ACCESS_PROOF = b"zt-link-access-proof-v1"
    ACCESS_CHECK = b"zt-access-check-v1"
    # onion (spec: onion); the suite's name is part of the wire format
    ONION = b"zt-onion-v1"
    ONION_PADSTREAM = b"zt-padstream-v1"
    ACK_BODY = b"zt-ack-body-v1"
    REPLAY_SALT = b"zt-replay-salt-v1"
    REPLAY_TAG = b"zt-replay-tag-v1"
    # directory
    DESCRIPTOR = b"zt-descriptor-v1"
    DESCRIPTOR_DIGEST = b"zt-digest-descriptor-v1"
    SNAPSHOT_BUCKET = b"zt-snapshot-bucket-v1"
    SNAPSHOT_ROOT = b"zt-snapshot-root-v1"
    NODE_ID_WORK = b"zt-id-work-v1"
    DESCRIPTOR_POINT = b"zt-holder-distance-v1"
    RECORD_BLIND = b"zt-record-blind-v1"
    RECORD_NONCE = b"zt-record-nonce-v1"
    RECORD_PREFIX = b"zt-record-prefix-v1"
    RECORD_SIGN = b"zt-record-sign-v1"
    RECORD_SEAL = b"zt-record-seal-v1"
    RECORD_POINT = b"zt-record-point-v1"
    RECORD_WORK = b"zt-record-work-v1"
    RECORD_WORK_TRY = b"zt-record-try-v1"
    # mailbox
    COLLECT_PROOF = b"zt-collect-proof-v1"
    HTTP_PROOF = b"zt-http-proof-v1"
    HTTP_REQUEST = b"zt-http-request-v1"
    HTTP_NONCE = b"zt-http-nonce-v1"
    DEPOSIT_SEAL = b"zt-deposit-seal-v1"
    DEPOSIT_OUTER = b"zt-deposit-outer-v1"
    DEPOSIT_ID = b"zt-deposit-id-v1"
    DEPOSIT_WORK = b"zt-deposit-work-v1"
    DEPOSIT_WORK_TRY = b"zt-deposit-try-v1"
    MAILBOX_WORK = b"zt-mailbox-work-v1"
    MAILBOX_WORK_TRY = b"zt-mailbox-try-v1"
    PREKEY_WORK = b"zt-prekey-work-v1"
    PREKEY_ID = b"zt-prekey-id-v1"
    GENERATION_OFFSET = b"zt-generation-offset-v1"
    # mesh storage (spec: mesh): keys, statements to holders, and work for them
    MESH_HEAD = b"zt-mesh-head-v1"
    MESH_HEAD_PLACE = b"zt-mesh-head-place-v1"
    MESH_SEGMENT = b"zt-mesh-segment-v1"
    MESH_INDEX = b"zt-mesh-index-v1"
    MESH_PLACE = b"zt-mesh-place-v1"
    MESH_LEASE = b"zt-mesh-lease-v1"
    MESH_STATEMENT = b"zt-mesh-statement-v1"
    MESH_WORK = b"zt-mesh-work-v1"
    MESH_WORK_TRY = b"zt-mesh-try-v1"
    # end to end
    PREKEY_SIGNED = b"zt-prekey-signed-v1"
    PREKEY_PQ = b"zt-prekey-pq-v1"
    PREKEY_ONE_TIME = b"zt-prekey-once-v1"
    PQXDH = b"zt-pqxdh-v1"
    PQXDH_BINDING = b"zt-pqxdh-binding-v1"
    PQXDH_SEEN = b"zt-pqxdh-seen-v1"
    RATCHET_ROOT = b"zt-ratchet-root-v1"
    RATCHET_CHAIN = b"zt-ratchet-chain-v1"
    RATCHET_MESSAGE = b"zt-ratchet-message-v1"
    RATCHET_HEADER = b"zt-ratchet-header-v1"
    RATCHET_PQ = b"zt-ratchet-pq-v1"
    SAFETY_NUMBER = b"zt-safety-number-v1"
    CIPHERTEXT_SEEN = b"zt-ciphertext-seen-v1"
    ENVELOPE_SEEN = b"zt-envelope-seen-v1"
    CONTACT_OUTER = b"zt-contact-outer-v1"
    # groups (spec: groups)
    GROUP_ENTRY = b"zt-group-entry-v1"
    GROUP_ENTRY_ID = b"zt-group-id-of-entry-v1"
    GROUP_CHAIN = b"zt-group-chain-v1"
    GROUP_CARD = b"zt-group-card-v1"
    GROUP_CARD_HASH = b"zt-group-hash-of-card-v1"
    GROUP_PICTURE = b"zt-group-picture-v1"
    GROUP_TICKET = b"zt-group-ticket-v1"
    # linked nodes
    RECOVERY_SEAL = b"zt-recovery-seal-v1"
    REQUEST_ID = b"zt-request-id-v1"
    # direct connections (spec: direct)
    ECHO_NETWORK = b"zt-echo-network-v1"
    DIRECT_KEYS = b"zt-direct-keys-v1"
    DIRECT_PROBE = b"zt-direct-probe-v1"
    DIRECT_PAIR = b"zt-direct-pair-v1"
    DIRECT_BEACON = b"zt-direct-beacon-v1"
    DIRECT_NEAR = b"zt-direct-near-v1"
    # programs
    DEVICE_LIST = b"zt-device-list-v1"
    DEVICE_TOKEN = b"zt-device-token-v1"
    REST_KEY_NAME = b"zt-rest-key-name-v1"
    REST_PROOF = b"zt-rest-proof-v1"
    PUSH_KEY = b"zt-push-key-v1"
    TRACE = b"zt-trace-v1"
