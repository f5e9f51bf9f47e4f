"""The node's own mailboxes at relays: chosen, filled, collected, replaced."""
