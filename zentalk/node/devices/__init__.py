"""A person's devices and the tokens with which they use the node."""
