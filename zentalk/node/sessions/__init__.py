"""Ratchets with contacts, inside the transactions of the history."""
