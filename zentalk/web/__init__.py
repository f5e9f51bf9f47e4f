"""What every program of ours that answers HTTP needs: problems, limits, tokens, a server.

It knows no routes and nothing of nodes or relays.
"""
