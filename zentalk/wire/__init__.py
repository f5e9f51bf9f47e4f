"""The only door to bytes from outside: every decoder of the project lives here.

Nothing here decides, stores or sends. A decoder returns a bounded, validated value or
raises `DecodeError`, and nothing else.
"""
