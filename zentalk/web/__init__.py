"""Everything that a program needs to answer HTTP: problems, limits, tokens, a server.

It knows no routes and nothing of nodes or relays.
"""
