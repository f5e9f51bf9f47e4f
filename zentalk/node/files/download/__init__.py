"""From holders to whoever wants the bytes: shards are found, fetched, joined, opened and kept."""
