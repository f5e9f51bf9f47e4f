"""Tables of linked nodes: a migration of its own, in its order after those of `group_schema.py`.

A migration that was released is never edited; a change is a new one.
"""

from __future__ import annotations

from typing import Final

LINKED: Final = """
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
