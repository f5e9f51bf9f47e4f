"""Tables of the history database, as migrations in order of `user_version`.

A migration that was released is never edited; a change is a new one.
"""

from __future__ import annotations

from typing import Final

from zentalk.store.history.later_schema import LATER

_V1: Final = """
CREATE TABLE settings (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;

CREATE TABLE contacts (
    address BLOB PRIMARY KEY,
    name TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('contact', 'request')),
    added_at REAL NOT NULL,
    route BLOB,
    route_version INTEGER NOT NULL DEFAULT 0,
    own_route_known INTEGER NOT NULL DEFAULT 0,
    next_sequence INTEGER NOT NULL DEFAULT 1,
    unread INTEGER NOT NULL DEFAULT 0,
    last_sequence INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

CREATE TABLE messages (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL,
    contact BLOB NOT NULL,
    direction TEXT NOT NULL CHECK (direction IN ('in', 'out')),
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    content BLOB,
    state TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    sender_sequence INTEGER NOT NULL,
    sent_at REAL NOT NULL,
    stored_at REAL NOT NULL,
    confirmed INTEGER NOT NULL DEFAULT 0,
    missing INTEGER NOT NULL DEFAULT 0,
    UNIQUE (contact, direction, id)
);
CREATE INDEX messages_by_contact ON messages (contact, seq);
CREATE INDEX messages_by_id ON messages (id);

CREATE TABLE held (
    contact BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    message_id BLOB NOT NULL,
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    content BLOB,
    sent_at REAL NOT NULL,
    confirmed INTEGER NOT NULL,
    release_at REAL NOT NULL,
    PRIMARY KEY (contact, sequence, message_id)
) WITHOUT ROWID;

CREATE TABLE idempotency (
    key TEXT PRIMARY KEY,
    request BLOB NOT NULL,
    message_id BLOB NOT NULL,
    created_at REAL NOT NULL
) WITHOUT ROWID;

CREATE TABLE outbox (
    item INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id BLOB NOT NULL,
    contact BLOB NOT NULL,
    content BLOB NOT NULL,
    envelope BLOB,
    ratchet_id BLOB,
    item_key BLOB NOT NULL,
    created_at REAL NOT NULL,
    expires_at REAL NOT NULL,
    held_by BLOB NOT NULL DEFAULT x''
);
CREATE INDEX outbox_by_message ON outbox (message_id);
CREATE INDEX outbox_waiting ON outbox (contact) WHERE envelope IS NULL;

CREATE TABLE ratchets (
    ratchet_id BLOB PRIMARY KEY,
    contact BLOB NOT NULL,
    generation INTEGER NOT NULL,
    initiator BLOB NOT NULL,
    confirmed INTEGER NOT NULL,
    initial_header BLOB,
    state BLOB NOT NULL,
    created_at REAL NOT NULL,
    retired_at REAL
) WITHOUT ROWID;
CREATE INDEX ratchets_by_contact ON ratchets (contact);

CREATE TABLE prekeys (
    kind TEXT NOT NULL CHECK (kind IN ('signed', 'pq', 'once')),
    id INTEGER NOT NULL,
    mailbox BLOB,
    secret BLOB NOT NULL,
    created_at REAL NOT NULL,
    PRIMARY KEY (kind, id)
) WITHOUT ROWID;

CREATE TABLE own_mailboxes (
    mailbox BLOB PRIMARY KEY,
    relay BLOB NOT NULL,
    slot INTEGER NOT NULL,
    collect_seed BLOB NOT NULL,
    generation INTEGER NOT NULL,
    created_at REAL NOT NULL,
    poll_until REAL,
    announced INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

CREATE TABLE own_send_ids (
    send_id BLOB PRIMARY KEY,
    mailbox BLOB NOT NULL,
    kind INTEGER NOT NULL,
    contact BLOB,
    secret BLOB NOT NULL,
    day INTEGER
) WITHOUT ROWID;
CREATE INDEX own_send_ids_by_mailbox ON own_send_ids (mailbox, kind);
CREATE INDEX own_send_ids_by_contact ON own_send_ids (contact);

CREATE TABLE seen (
    hash BLOB PRIMARY KEY,
    contact BLOB NOT NULL,
    message_id BLOB,
    expires_at REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX seen_by_expiry ON seen (expires_at);

CREATE TABLE parts (
    contact BLOB NOT NULL,
    message_id BLOB NOT NULL,
    part INTEGER NOT NULL,
    parts INTEGER NOT NULL,
    data BLOB NOT NULL,
    stored_at REAL NOT NULL,
    PRIMARY KEY (contact, message_id, part)
) WITHOUT ROWID;

CREATE TABLE published (
    day INTEGER PRIMARY KEY,
    sequence INTEGER NOT NULL,
    published_at REAL
) WITHOUT ROWID;

CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    type TEXT NOT NULL,
    at REAL NOT NULL,
    data TEXT NOT NULL
);
"""

_V2: Final = """
CREATE TABLE renewals (
    contact BLOB PRIMARY KEY,
    undecryptable BLOB NOT NULL DEFAULT x'',
    interval_seconds REAL NOT NULL DEFAULT 0,
    last_renewal REAL,
    doubts INTEGER NOT NULL DEFAULT 0,
    doubted_at REAL,
    record_prekeys BLOB
) WITHOUT ROWID;
"""

_V3: Final = """
CREATE TABLE people (
    address BLOB PRIMARY KEY,
    name TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('contact', 'request', 'refused', 'blocked', 'removed')),
    added_at REAL NOT NULL,
    route BLOB,
    route_version INTEGER NOT NULL DEFAULT 0,
    own_route_known INTEGER NOT NULL DEFAULT 0,
    next_sequence INTEGER NOT NULL DEFAULT 1,
    unread INTEGER NOT NULL DEFAULT 0,
    last_sequence INTEGER NOT NULL DEFAULT 0,
    state_at REAL NOT NULL,
    was_contact INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
INSERT INTO people SELECT *, added_at, 0 FROM contacts;
DROP TABLE contacts;
ALTER TABLE people RENAME TO contacts;
CREATE INDEX contacts_by_state ON contacts (state, state_at);

ALTER TABLE events ADD COLUMN conversation TEXT;
UPDATE events SET conversation = json_extract(data, '$.conversation');
CREATE INDEX events_by_conversation ON events (conversation) WHERE conversation IS NOT NULL;
"""

_V4: Final = """
ALTER TABLE seen ADD COLUMN envelopes BLOB NOT NULL DEFAULT x'';
ALTER TABLE seen ADD COLUMN confirmation INTEGER;
ALTER TABLE seen ADD COLUMN owed INTEGER NOT NULL DEFAULT 0;
CREATE INDEX seen_owed ON seen (contact) WHERE owed;

CREATE TABLE confirmations (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    contact BLOB NOT NULL,
    ratchet_id BLOB NOT NULL,
    item_key BLOB NOT NULL,
    ciphertext BLOB,
    made_at REAL NOT NULL,
    acknowledged INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX confirmations_kept ON confirmations (number) WHERE ciphertext IS NOT NULL;

CREATE TABLE confirmation_times (
    contact BLOB PRIMARY KEY,
    repeated_until REAL,
    collected_at REAL
) WITHOUT ROWID;

CREATE INDEX outbox_by_contact ON outbox (contact);
"""

_V5: Final = """
ALTER TABLE published DROP COLUMN published_at;
ALTER TABLE published ADD COLUMN raw BLOB;
ALTER TABLE published ADD COLUMN state INTEGER NOT NULL DEFAULT 0;
ALTER TABLE published ADD COLUMN due_at REAL NOT NULL DEFAULT 0;
ALTER TABLE published ADD COLUMN change_at REAL;
"""

_V6: Final = """
ALTER TABLE contacts ADD COLUMN work INTEGER NOT NULL DEFAULT 0;
"""

MIGRATIONS: Final = (_V1, _V2, _V3, _V4, _V5, _V6, *LATER)
