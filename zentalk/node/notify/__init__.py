"""Tells programs of others about events, over HTTP: webhooks, and push servers that wake devices.

These are the node's only connections that do not go through the network of relays; there are none
before the owner or a device asks for them. What the other side learns is in the threat model.

- schedule.py: when a request is made again, and when it is given up; plain code
- targets.py: which URLs are accepted, and from whom
- outgoing.py: the one place that does HTTP
- tasks.py: one task for each webhook or endpoint
- payload.py: the body and the signature of a webhook's request
- webhooks.py: the commands of the owner about them
- deliveries.py: brings events to their webhooks, in order
- wakes.py: when a device is woken, and what a push server's answers mean; plain code
- web_push.py, push_sender.py: the bytes of a wake-up, which say nothing, and how it is sent
- push.py: the commands of devices and their owner about endpoints
- waker.py: wakes devices that are away when something happens

It reads the event log as any client does. It adds only what concerns itself: that a webhook or an
endpoint came, went, or was given up.
"""
