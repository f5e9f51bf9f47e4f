"""User records: published, looked up, and looked up for nothing."""
