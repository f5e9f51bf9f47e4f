"""Tables of the history database since there are conversations: later migrations, in their order.

A migration that was released is never edited; a change is a new one.
"""

from __future__ import annotations

from typing import Final

from zentalk.store.history.file_schema import FILES
from zentalk.store.history.group_schema import (
    BY_PERSON,
    GROUP_CLAIMS,
    GROUP_RECEIPTS,
    GROUPS,
    SEEN,
)
from zentalk.store.history.linked_schema import LINKED

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

# Triggers keep it, as they keep the search index, so that no statement that changes a message can
# leave it behind: looked up for each conversation, the list of a large history reads two pages of
# the file for each of its rows.
_V13: Final = """
CREATE TABLE last_lines (
    contact BLOB PRIMARY KEY,
    seq INTEGER NOT NULL,
    text TEXT NOT NULL,
    sent_at REAL NOT NULL
) WITHOUT ROWID;
INSERT INTO last_lines SELECT contact, seq, substr(text, 1, 256), sent_at FROM messages
    WHERE seq IN (SELECT (SELECT seq FROM messages WHERE contact = contacts.address
        AND hidden = 0 AND kind <> 'ratchet-renewed' ORDER BY seq DESC LIMIT 1) FROM contacts);

CREATE TRIGGER messages_last AFTER INSERT ON messages
WHEN new.hidden = 0 AND new.kind <> 'ratchet-renewed' BEGIN
    INSERT INTO last_lines VALUES (new.contact, new.seq, substr(new.text, 1, 256), new.sent_at)
        ON CONFLICT DO UPDATE SET seq = excluded.seq, text = excluded.text,
        sent_at = excluded.sent_at WHERE excluded.seq > seq;
END;
CREATE TRIGGER messages_last_deleted AFTER DELETE ON messages BEGIN
    DELETE FROM last_lines WHERE contact = old.contact AND seq = old.seq;
    INSERT INTO last_lines SELECT contact, seq, substr(text, 1, 256), sent_at FROM messages
        WHERE contact = old.contact AND hidden = 0 AND kind <> 'ratchet-renewed'
        AND NOT EXISTS (SELECT 1 FROM last_lines WHERE contact = old.contact)
        ORDER BY seq DESC LIMIT 1;
END;
CREATE TRIGGER messages_last_changed AFTER UPDATE OF text, hidden ON messages
WHEN old.text <> new.text OR old.hidden <> new.hidden BEGIN
    DELETE FROM last_lines WHERE contact = new.contact AND seq <= new.seq;
    INSERT INTO last_lines SELECT contact, seq, substr(text, 1, 256), sent_at FROM messages
        WHERE contact = new.contact AND hidden = 0 AND kind <> 'ratchet-renewed'
        AND NOT EXISTS (SELECT 1 FROM last_lines WHERE contact = new.contact)
        ORDER BY seq DESC LIMIT 1;
END;

CREATE INDEX messages_without_author ON messages (seq) WHERE author = x'';
DROP INDEX messages_by_time;
CREATE INDEX messages_by_time ON messages (stored_at) WHERE seq > 0;
CREATE INDEX imported_by_time ON messages (stored_at) WHERE seq < 0;
"""

_V14: Final = """
CREATE TABLE push (
    device TEXT PRIMARY KEY,
    endpoint TEXT NOT NULL,
    client_key BLOB NOT NULL,
    auth BLOB NOT NULL,
    is_signed INTEGER NOT NULL,
    is_trusted INTEGER NOT NULL,
    types TEXT NOT NULL,
    created_at REAL NOT NULL,
    cursor INTEGER NOT NULL,
    woken_at REAL,
    stopped TEXT NOT NULL,
    failures INTEGER NOT NULL,
    failing_since REAL,
    next_at REAL NOT NULL,
    last_error TEXT NOT NULL,
    delivered_at REAL
) WITHOUT ROWID;
"""

# Who may be connected to directly: what the owner allows, and what the other side has said.
_V21: Final = """
CREATE TABLE direct (
    contact BLOB PRIMARY KEY,
    number INTEGER NOT NULL DEFAULT 0,
    allowed INTEGER NOT NULL DEFAULT 0,
    their_number INTEGER NOT NULL DEFAULT 0,
    is_allowed_there INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
"""

LATER: Final = (
    *(_V7, _V8, _V9, _V10, _V11, _V12, _V13, _V14),
    *(GROUPS, LINKED, GROUP_CLAIMS, GROUP_RECEIPTS, SEEN, BY_PERSON),
    *(_V21, FILES),
)
