"""The tables of a relay's shards; must never gain a column that names who put one, or from where.

Spec: docs/spec/mesh.md section 8. Times are whole hours since 1970, those of nonces whole minutes.
`migrations[n]` takes version n to n + 1; released ones are never edited.
"""

from __future__ import annotations

from typing import Final

_FIRST: Final = """
CREATE TABLE shard (
    id BLOB PRIMARY KEY,
    lease_key BLOB NOT NULL,
    size INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    share INTEGER NOT NULL,
    place INTEGER NOT NULL               -- the number of its file; 0: its bytes are in `small`
) STRICT, WITHOUT ROWID;
CREATE INDEX shard_by_expiry ON shard (expires);
CREATE TABLE small (
    id BLOB PRIMARY KEY,
    bytes BLOB NOT NULL
) STRICT;
CREATE TABLE tombstone (
    id BLOB PRIMARY KEY,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tombstone_by_expiry ON tombstone (expires);
CREATE TABLE nonce (
    lease_key BLOB NOT NULL,
    nonce BLOB NOT NULL,
    minute INTEGER NOT NULL,             -- in which its statement was made
    PRIMARY KEY (lease_key, nonce)
) STRICT, WITHOUT ROWID;
CREATE INDEX nonce_by_minute ON nonce (minute);
-- The sums over `shard`: adding up millions of rows at each start would take minutes.
CREATE TABLE used (
    share INTEGER PRIMARY KEY,
    shards INTEGER NOT NULL,
    bytes INTEGER NOT NULL
) STRICT;
CREATE TABLE kept (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
"""

MIGRATIONS: Final = (_FIRST,)
