"""Connections of a relay: who is let in, what they may hold, links to other relays."""
