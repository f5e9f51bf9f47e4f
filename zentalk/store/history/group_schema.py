"""Tables of groups: migrations of their own, in their order after those of `later_schema.py`.

A migration that was released is never edited; a change is a new one.
"""

from __future__ import annotations

from typing import Final

# Two more relations: people who are only in a group with us, and the groups themselves, whose
# conversations are rows beside those of people. SQLite changes a CHECK only with its table.
GROUPS: Final = """
CREATE TABLE people (
    address BLOB PRIMARY KEY,
    name TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN
        ('contact', 'request', 'refused', 'blocked', 'removed', 'member', 'group')),
    added_at REAL NOT NULL,
    route BLOB,
    route_version INTEGER NOT NULL DEFAULT 0,
    own_route_known INTEGER NOT NULL DEFAULT 0,
    next_sequence INTEGER NOT NULL DEFAULT 1,
    unread INTEGER NOT NULL DEFAULT 0,
    last_sequence INTEGER NOT NULL DEFAULT 0,
    state_at REAL NOT NULL,
    was_contact INTEGER NOT NULL DEFAULT 0,
    work INTEGER NOT NULL DEFAULT 0,
    ticket BLOB NOT NULL DEFAULT x'',
    unknown_ticket BLOB,
    invite BLOB,
    introduced_by BLOB,
    verified_at REAL,
    verified_term INTEGER NOT NULL DEFAULT 0,
    term INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
INSERT INTO people SELECT address, name, state, added_at, route, route_version, own_route_known,
    next_sequence, unread, last_sequence, state_at, was_contact, work, ticket, unknown_ticket,
    invite, introduced_by, verified_at, verified_term, term FROM contacts;
DROP TABLE contacts;
ALTER TABLE people RENAME TO contacts;
CREATE INDEX contacts_by_state ON contacts (state, state_at);

CREATE TABLE waiting_lines (
    contact BLOB NOT NULL,
    author BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    message_id BLOB NOT NULL,
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    content BLOB,
    sent_at REAL NOT NULL,
    confirmed INTEGER NOT NULL,
    release_at REAL NOT NULL,
    PRIMARY KEY (contact, author, sequence, message_id)
) WITHOUT ROWID;
INSERT INTO waiting_lines SELECT contact, contact, sequence, message_id, kind, text, content,
    sent_at, confirmed, release_at FROM held;
DROP TABLE held;
ALTER TABLE waiting_lines RENAME TO held;

CREATE TABLE groups (
    id BLOB PRIMARY KEY,
    stands TEXT NOT NULL CHECK (stands IN
        ('incomplete', 'invited', 'joined', 'left', 'removed')),
    invited_by BLOB,
    made_at REAL NOT NULL,
    view TEXT NOT NULL DEFAULT '{}',
    picture BLOB NOT NULL DEFAULT x'',
    announce_at REAL
) WITHOUT ROWID;

CREATE TABLE group_entries (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    grp BLOB NOT NULL,
    id BLOB NOT NULL,
    raw BLOB NOT NULL,
    announce INTEGER NOT NULL DEFAULT 0,
    UNIQUE (grp, id)
);

CREATE TABLE group_members (
    grp BLOB NOT NULL,
    member BLOB NOT NULL,
    is_in INTEGER NOT NULL,
    added_by BLOB,
    card BLOB,
    card_version INTEGER NOT NULL DEFAULT 0,
    asked_at REAL,
    last_sequence INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (grp, member)
) WITHOUT ROWID;
CREATE INDEX group_members_by_person ON group_members (member) WHERE is_in;

CREATE TABLE group_sends (
    send INTEGER PRIMARY KEY AUTOINCREMENT,
    grp BLOB NOT NULL,
    message_id BLOB NOT NULL,
    content BLOB NOT NULL,
    made_at REAL NOT NULL
);
CREATE TABLE group_pending (
    send INTEGER NOT NULL REFERENCES group_sends (send) ON DELETE CASCADE,
    member BLOB NOT NULL,
    waits INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (send, member)
) WITHOUT ROWID;
CREATE INDEX group_pending_ready ON group_pending (send, member) WHERE waits = 0;
CREATE INDEX group_pending_of_member ON group_pending (member);

CREATE TABLE group_deliveries (
    grp BLOB NOT NULL,
    message_id BLOB NOT NULL,
    member BLOB NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    at REAL NOT NULL,
    PRIMARY KEY (message_id, member)
) WITHOUT ROWID;
CREATE INDEX group_deliveries_by_group ON group_deliveries (grp);

CREATE TABLE group_held (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    grp BLOB NOT NULL,
    author BLOB NOT NULL,
    message_id BLOB NOT NULL,
    content BLOB NOT NULL,
    at REAL NOT NULL,
    UNIQUE (grp, author, message_id)
);

ALTER TABLE invites ADD COLUMN grp BLOB;

CREATE TABLE group_joins (person BLOB PRIMARY KEY, until REAL NOT NULL) WITHOUT ROWID;

CREATE TABLE group_prekeys (
    kind TEXT NOT NULL CHECK (kind IN ('signed', 'pq')),
    id INTEGER NOT NULL,
    grp BLOB NOT NULL,
    secret BLOB NOT NULL,
    PRIMARY KEY (kind, id)
) WITHOUT ROWID;
"""

# Who has told us the same log as we hold, which entries their authors have sent us, and when, and
# which lines an admin has shared. Groups of before count as confirmed: nobody has noted who told.
GROUP_CLAIMS: Final = """
ALTER TABLE messages ADD COLUMN shared_by BLOB;
CREATE INDEX messages_shared ON messages (contact) WHERE shared_by IS NOT NULL;

ALTER TABLE groups ADD COLUMN confirmed INTEGER NOT NULL DEFAULT 0;
UPDATE groups SET confirmed = 1;
ALTER TABLE group_members ADD COLUMN told INTEGER NOT NULL DEFAULT 0;

ALTER TABLE group_entries ADD COLUMN sender BLOB;
ALTER TABLE group_entries ADD COLUMN came_at REAL;
CREATE INDEX group_entries_by_sender ON group_entries (grp, sender, came_at)
    WHERE sender IS NOT NULL;
"""

# Up to where lines of a group were read, and when their authors are told.
GROUP_RECEIPTS: Final = """
ALTER TABLE groups ADD COLUMN tell_seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE groups ADD COLUMN tell_at REAL;
"""

# Up to which of the owner's lines the other side, or a member, has looked.
SEEN: Final = """
ALTER TABLE chats ADD COLUMN seen_seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE group_members ADD COLUMN seen_seq INTEGER NOT NULL DEFAULT 0;
"""

# How what waits came here; whoever is or was in a group by its address; events of people by theirs.
# A warning is of a key that changes after this was noted of everybody, not only of the verified.
BY_PERSON: Final = """
ALTER TABLE group_held ADD COLUMN was_under_way INTEGER NOT NULL DEFAULT 0;
DROP INDEX group_members_by_person;
CREATE INDEX group_members_by_person ON group_members (member);
CREATE INDEX events_of_people ON events (json_extract(data, '$.address'))
    WHERE type > 'contact.' AND type < 'contact/';
UPDATE contacts SET verified_term = term WHERE verified_at IS NULL;
"""
