"""What a node knows of relays: which there are, how well they answer, which lose packets."""
