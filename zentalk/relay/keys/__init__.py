"""A relay's identity, its mix keys, and when they change."""
