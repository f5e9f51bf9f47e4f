"""Tables of the history database since there are conversations: later migrations, in their order.

A migration that was released is never edited; a change is a new one.
"""

from __future__ import annotations

from typing import Final

_V7: Final = """
CREATE TABLE lines (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL,
    contact BLOB NOT NULL,
    author BLOB NOT NULL,
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
    hidden INTEGER NOT NULL DEFAULT 0,
    edited INTEGER NOT NULL DEFAULT 0,
    deleted INTEGER NOT NULL DEFAULT 0,
    pinned INTEGER NOT NULL DEFAULT 0,
    starred INTEGER NOT NULL DEFAULT 0,
    marked INTEGER NOT NULL DEFAULT 0,
    timer_seconds INTEGER NOT NULL DEFAULT 0,
    expires_at REAL,
    UNIQUE (contact, author, id)
);
INSERT INTO lines (seq, id, contact, author, direction, kind, text, content, state, reason,
    sender_sequence, sent_at, stored_at, confirmed, missing, hidden)
    SELECT seq, id, contact, CASE direction WHEN 'in' THEN contact ELSE x'' END, direction, kind,
    text, content, state, reason, sender_sequence, sent_at, stored_at, confirmed, missing,
    kind NOT IN ('text', 'ratchet-renewed') FROM messages;
DROP TABLE messages;
ALTER TABLE lines RENAME TO messages;
CREATE INDEX messages_by_id ON messages (id);
CREATE INDEX messages_shown ON messages (contact, seq) WHERE hidden = 0;
CREATE INDEX messages_unconfirmed ON messages (contact, seq)
    WHERE direction = 'in' AND confirmed = 0;
CREATE INDEX messages_on_the_way ON messages (contact, seq)
    WHERE direction = 'out' AND state IN ('queued', 'sent', 'delivered');
CREATE INDEX messages_starred ON messages (seq) WHERE starred = 1;
CREATE INDEX messages_pinned ON messages (contact, seq) WHERE pinned = 1;
CREATE INDEX messages_expiring ON messages (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE marks (
    contact BLOB NOT NULL,
    target_author BLOB NOT NULL,
    target_id BLOB NOT NULL,
    kind TEXT NOT NULL,
    place BLOB NOT NULL,
    author BLOB NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (contact, target_author, target_id, kind, place)
) WITHOUT ROWID;

CREATE TABLE chats (
    contact BLOB PRIMARY KEY,
    muted_until REAL NOT NULL DEFAULT 0,
    draft TEXT NOT NULL DEFAULT '',
    draft_at REAL NOT NULL DEFAULT 0,
    timer_number INTEGER NOT NULL DEFAULT 0,
    timer_author BLOB NOT NULL DEFAULT x'',
    timer_seconds INTEGER NOT NULL DEFAULT 0,
    read_seq INTEGER NOT NULL DEFAULT 0,
    told_seq INTEGER NOT NULL DEFAULT 0,
    receipt BLOB NOT NULL DEFAULT x'',
    profile_told INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

CREATE TABLE profiles (
    address BLOB PRIMARY KEY,
    version INTEGER NOT NULL,
    name TEXT NOT NULL,
    status TEXT NOT NULL,
    avatar BLOB NOT NULL
) WITHOUT ROWID;

ALTER TABLE events ADD COLUMN message TEXT;
CREATE INDEX events_by_message ON events (message) WHERE message IS NOT NULL;
"""


# Keys of before, whose device nobody noted, keep an empty one and hold for every device: a request
# that is repeated over the update must not send twice.
_V8: Final = """
CREATE TABLE request_keys (
    key TEXT NOT NULL,
    device TEXT NOT NULL,
    request BLOB NOT NULL,
    message_id BLOB NOT NULL,
    created_at REAL NOT NULL,
    PRIMARY KEY (key, device)
) WITHOUT ROWID;
INSERT INTO request_keys SELECT key, '', request, message_id, created_at FROM idempotency;
DROP TABLE idempotency;
ALTER TABLE request_keys RENAME TO idempotency;

CREATE TABLE devices_seen (device TEXT PRIMARY KEY, seen_at REAL NOT NULL) WITHOUT ROWID;
"""

# The index has no content of its own, so what is taken out of it must be named word for word: the
# triggers give it the text that was there.
_V9: Final = """
CREATE VIRTUAL TABLE search USING fts5(
    text, place, content = '', tokenize = "unicode61 remove_diacritics 2"
);
INSERT INTO search (rowid, text, place)
    SELECT seq, text, 'c' || lower(hex(contact)) FROM messages WHERE hidden = 0 AND text <> '';

CREATE TRIGGER messages_found AFTER INSERT ON messages
WHEN new.hidden = 0 AND new.text <> '' BEGIN
    INSERT INTO search (rowid, text, place)
        VALUES (new.seq, new.text, 'c' || lower(hex(new.contact)));
END;
CREATE TRIGGER messages_not_found AFTER DELETE ON messages
WHEN old.hidden = 0 AND old.text <> '' BEGIN
    INSERT INTO search (search, rowid, text, place)
        VALUES ('delete', old.seq, old.text, 'c' || lower(hex(old.contact)));
    INSERT OR REPLACE INTO settings VALUES ('search-deleted', x'01');
END;
CREATE TRIGGER messages_found_anew AFTER UPDATE OF text, hidden ON messages
WHEN old.text <> new.text OR old.hidden <> new.hidden BEGIN
    INSERT INTO search (search, rowid, text, place)
        SELECT 'delete', old.seq, old.text, 'c' || lower(hex(old.contact))
        WHERE old.hidden = 0 AND old.text <> '';
    INSERT INTO search (rowid, text, place)
        SELECT new.seq, new.text, 'c' || lower(hex(new.contact))
        WHERE new.hidden = 0 AND new.text <> '';
    INSERT OR REPLACE INTO settings VALUES ('search-deleted', x'01');
END;
CREATE INDEX messages_by_time ON messages (stored_at);
"""

_V10: Final = """
ALTER TABLE seen ADD COLUMN held INTEGER NOT NULL DEFAULT 0;
CREATE INDEX seen_held ON seen (contact, message_id) WHERE held;
"""


_V11: Final = """
ALTER TABLE contacts ADD COLUMN ticket BLOB NOT NULL DEFAULT x'';
ALTER TABLE contacts ADD COLUMN unknown_ticket BLOB;
ALTER TABLE contacts ADD COLUMN invite BLOB;
ALTER TABLE contacts ADD COLUMN introduced_by BLOB;
ALTER TABLE contacts ADD COLUMN verified_at REAL;
ALTER TABLE contacts ADD COLUMN verified_term INTEGER NOT NULL DEFAULT 0;
ALTER TABLE contacts ADD COLUMN term INTEGER NOT NULL DEFAULT 0;

CREATE TABLE invites (
    id BLOB PRIMARY KEY,
    secret_hash BLOB NOT NULL,
    name TEXT NOT NULL,
    accepts INTEGER NOT NULL,
    max_uses INTEGER NOT NULL,
    uses INTEGER NOT NULL DEFAULT 0,
    created_at REAL NOT NULL,
    expires_at REAL NOT NULL,
    revoked_at REAL
) WITHOUT ROWID;

CREATE TABLE introductions (
    address BLOB NOT NULL,
    introducer BLOB NOT NULL,
    name TEXT NOT NULL,
    secret BLOB NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (address, introducer)
) WITHOUT ROWID;
CREATE INDEX introductions_by_introducer ON introductions (introducer, at);
"""


_V12: Final = """
CREATE INDEX events_by_type ON events (type);
CREATE INDEX events_by_type_and_conversation ON events (type, conversation)
    WHERE conversation IS NOT NULL;

CREATE TABLE webhooks (
    id TEXT PRIMARY KEY,
    url TEXT NOT NULL,
    types TEXT NOT NULL,
    conversation TEXT,
    content TEXT NOT NULL CHECK (content IN ('ids', 'full')),
    secret BLOB NOT NULL,
    created_at REAL NOT NULL,
    cursor INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    failing_since REAL,
    next_at REAL NOT NULL,
    last_error TEXT NOT NULL,
    delivered_at REAL
) WITHOUT ROWID;

CREATE TABLE webhook_letters (
    seq INTEGER NOT NULL REFERENCES events (seq) ON DELETE CASCADE,
    webhook TEXT NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    died_at REAL NOT NULL,
    reason TEXT NOT NULL,
    again INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (seq, webhook)
) WITHOUT ROWID;
CREATE INDEX webhook_letters_by_webhook ON webhook_letters (webhook, seq);
"""

_V13: Final = """
CREATE TABLE links (
    id BLOB PRIMARY KEY,
    role TEXT NOT NULL CHECK (role IN ('replica', 'first')),
    secret_hash BLOB NOT NULL,
    created_at REAL NOT NULL,
    expires_at REAL NOT NULL,
    address BLOB UNIQUE,
    feed BLOB NOT NULL,
    linked_at REAL,
    acked INTEGER NOT NULL DEFAULT 0,
    heard_at REAL
) WITHOUT ROWID;

CREATE TABLE sync_changes (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    place TEXT NOT NULL,
    key TEXT NOT NULL,
    UNIQUE (place, key)
);

CREATE TABLE sync_inbox (number INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB NOT NULL);

CREATE TABLE pending (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    contact BLOB NOT NULL,
    content BLOB NOT NULL,
    written_at REAL NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    placed_at INTEGER
);

CREATE TABLE to_renew (contact BLOB PRIMARY KEY, place INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE answered_terms (contact BLOB PRIMARY KEY, term INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE unsynced (
    contact BLOB NOT NULL,
    message_id BLOB NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (contact, message_id)
) WITHOUT ROWID;
CREATE INDEX unsynced_by_number ON unsynced (number);

ALTER TABLE ratchets ADD COLUMN term INTEGER NOT NULL DEFAULT 0;
"""

LATER: Final = (_V7, _V8, _V9, _V10, _V11, _V12, _V13)
