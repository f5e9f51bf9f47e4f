"""Onion packets on their way out: paths, cover traffic, and the sender."""
