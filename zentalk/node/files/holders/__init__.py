"""Relays that keep shards, as a node reaches them: which there are, links, and calls over these."""
