"""What is on its way until the recipient has confirmed it."""
