"""Tells programs of others about events, over HTTP: webhooks.

These are the node's only connections that do not go through the network of relays; there are none
before the owner asks for them. What the other side learns is in the threat model.

- schedule.py: when an event is tried again, and when it is given up; plain code
- payload.py: the body and the signature
- targets.py: which URLs are accepted
- outgoing.py: the one place that does HTTP
- webhooks.py: the commands of the owner
- deliveries.py: brings events to their webhooks, in order

It reads the event log as any client does, and must never change it.
"""
