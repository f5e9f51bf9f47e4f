"""Tables of files: a migration of its own, in its order after those of `later_schema.py`.

A migration that was released is never edited; a change is a new one.
"""

from __future__ import annotations

from typing import Final

FILES: Final = """
CREATE TABLE files (
    id BLOB PRIMARY KEY,
    cid BLOB UNIQUE,
    share_secret BLOB NOT NULL,
    content_secret BLOB,
    owner_secret BLOB,
    name TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('uploading', 'kept', 'deleting', 'received')),
    reason TEXT NOT NULL DEFAULT '',
    segments_done INTEGER NOT NULL DEFAULT 0,
    holders BLOB NOT NULL DEFAULT x'',
    slots BLOB NOT NULL DEFAULT x'',
    created_at REAL NOT NULL,
    renewed_at REAL,
    checked_at REAL,
    is_here INTEGER NOT NULL DEFAULT 0,
    used_at REAL NOT NULL,
    preview BLOB NOT NULL DEFAULT x'',
    width INTEGER NOT NULL DEFAULT 0,
    height INTEGER NOT NULL DEFAULT 0,
    milliseconds INTEGER NOT NULL DEFAULT 0,
    version INTEGER NOT NULL DEFAULT 1,
    replaces BLOB
) WITHOUT ROWID;
CREATE INDEX files_by_time ON files (created_at);

CREATE TABLE file_parts (
    file BLOB NOT NULL,
    kind INTEGER NOT NULL,
    number INTEGER NOT NULL,
    ids BLOB NOT NULL,
    places BLOB NOT NULL,
    verdicts BLOB NOT NULL DEFAULT x'',
    PRIMARY KEY (file, kind, number)
) WITHOUT ROWID;

CREATE TABLE file_silence (
    file BLOB NOT NULL,
    holder BLOB NOT NULL,
    since REAL NOT NULL,
    PRIMARY KEY (file, holder)
) WITHOUT ROWID;

CREATE TABLE file_leftovers (
    file BLOB NOT NULL,
    holder BLOB NOT NULL,
    id BLOB NOT NULL,
    until REAL NOT NULL,
    is_due INTEGER NOT NULL,
    PRIMARY KEY (file, holder, id)
) WITHOUT ROWID;

CREATE TABLE file_former_cids (
    cid BLOB PRIMARY KEY,
    file BLOB NOT NULL
) WITHOUT ROWID;

CREATE INDEX messages_with_files ON messages (seq) WHERE kind = 'file';
"""
