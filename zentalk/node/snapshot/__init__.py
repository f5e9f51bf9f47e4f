"""The node's copy of the set of relays: asked for, compared and refreshed."""
