"""The tables of a relay's mailboxes; must never gain a column that names a sender.

Spec: docs/spec/mailbox.md section 7. Times are whole hours since 1970, order is by
sequence number. `migrations[n]` takes version n to n + 1; released ones are never edited.
"""

from __future__ import annotations

from typing import Final

_FIRST: Final = """
CREATE TABLE mailbox (
    ref INTEGER PRIMARY KEY,
    collect_key BLOB NOT NULL UNIQUE,
    generation BLOB NOT NULL,            -- 8 bytes, big-endian: the full range of the wire
    reserved_seq INTEGER NOT NULL,
    expires_hour INTEGER NOT NULL,
    last_resort_used INTEGER NOT NULL
);
CREATE TABLE send_id (
    send_id BLOB PRIMARY KEY,
    mailbox INTEGER NOT NULL REFERENCES mailbox ON DELETE CASCADE,
    kind INTEGER NOT NULL,
    valid_from_day INTEGER NOT NULL,
    valid_until_day INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX send_id_of_mailbox ON send_id (mailbox);
CREATE TABLE prekey (
    number INTEGER PRIMARY KEY,
    mailbox INTEGER NOT NULL REFERENCES mailbox ON DELETE CASCADE,
    blob BLOB NOT NULL
);
CREATE INDEX prekey_of_mailbox ON prekey (mailbox);
CREATE TABLE envelope (
    id INTEGER PRIMARY KEY,
    mailbox INTEGER NOT NULL REFERENCES mailbox ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    send_id BLOB NOT NULL,
    deposit_id BLOB NOT NULL,
    size_bytes INTEGER NOT NULL,
    arrived_hour INTEGER NOT NULL,
    expires_hour INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    last_attempt_hour INTEGER NOT NULL,
    sealed BLOB NOT NULL
);
CREATE UNIQUE INDEX envelope_in_order ON envelope (mailbox, seq);
-- The size is in the index so that counting at start reads no envelope.
CREATE INDEX envelope_of_deposit ON envelope (mailbox, send_id, deposit_id, size_bytes);
CREATE INDEX envelope_by_expiry ON envelope (expires_hour);
CREATE TABLE kept_time (
    only INTEGER PRIMARY KEY CHECK (only = 0),
    hour INTEGER NOT NULL
);
INSERT INTO kept_time VALUES (0, 0);
"""

_WORK: Final = """
-- Bits of proof of work under a public send id, -1 under another.
ALTER TABLE envelope ADD COLUMN work INTEGER NOT NULL DEFAULT -1;
DROP INDEX envelope_of_deposit;
-- Size and work are in the index, so that neither counting at start nor a flood reads envelopes.
CREATE INDEX envelope_of_deposit ON envelope (mailbox, send_id, deposit_id, size_bytes, work);
CREATE INDEX envelope_by_work ON envelope (mailbox, work, seq, send_id, size_bytes)
    WHERE work >= 0;
"""

_OPENED: Final = """
-- On how many days it was opened, up to 3, and the last of them. Older mailboxes count as settled.
ALTER TABLE mailbox ADD COLUMN opened_days INTEGER NOT NULL DEFAULT 3;
ALTER TABLE mailbox ADD COLUMN opened_day INTEGER NOT NULL DEFAULT 0;
"""

_TURNS: Final = """
-- Turns for new mailboxes that were taken and not saved up again, at an hour: a restart gives none.
CREATE TABLE turns (
    only INTEGER PRIMARY KEY CHECK (only = 0),
    taken INTEGER NOT NULL,
    hour INTEGER NOT NULL
);
INSERT INTO turns VALUES (0, 0, 0);
"""

_ARRIVALS: Final = """
-- The best arrivals under each public send id, collected or not; `work` counts for each place.
CREATE TABLE arrival (
    number INTEGER PRIMARY KEY,          -- the order in which they came
    send_id BLOB NOT NULL REFERENCES send_id ON DELETE CASCADE,
    deposit_id BLOB NOT NULL,
    work INTEGER NOT NULL,
    places INTEGER NOT NULL
);
CREATE UNIQUE INDEX arrival_of_deposit ON arrival (send_id, deposit_id);
-- What waits is always listed. A large envelope takes 16 places, each with four bits less.
INSERT INTO arrival (send_id, deposit_id, work, places)
    SELECT send_id, deposit_id,
        iif(size_bytes > 1706, max(work - 4, 0), work), iif(size_bytes > 1706, 16, 1)
    FROM envelope JOIN send_id USING (send_id, mailbox) WHERE work >= 0
    GROUP BY send_id, deposit_id ORDER BY min(id);
-- What gives way is chosen from the list.
DROP INDEX envelope_by_work;
ALTER TABLE envelope ADD COLUMN stamp BLOB NOT NULL DEFAULT x'000000000000000000';
-- What an owner calls its keys by; it replaces those whose ids it does not know.
ALTER TABLE prekey ADD COLUMN id BLOB NOT NULL DEFAULT x'';
UPDATE prekey SET id = randomblob(16);
ALTER TABLE mailbox ADD COLUMN takes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE mailbox ADD COLUMN takes_day INTEGER NOT NULL DEFAULT 0;
"""

_SINKS: Final = """
-- Earlier versions know no send ids of kind 3, nor envelopes of work -2: nothing of them is kept.
"""

_SLEEP: Final = """
-- When something last came under a send id: mailboxes that sleep are only rows.
ALTER TABLE send_id ADD COLUMN used_day INTEGER NOT NULL DEFAULT 0;
UPDATE send_id SET used_day = (SELECT hour / 24 FROM kept_time);
-- Sweeps look for past ones.
DROP INDEX send_id_of_mailbox;
CREATE INDEX send_id_of_mailbox ON send_id (mailbox, valid_until_day);
"""

MIGRATIONS: Final = (_FIRST, _WORK, _OPENED, _TURNS, _ARRIVALS, _SINKS, _SLEEP)
