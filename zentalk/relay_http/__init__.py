"""A relay's door for HTTP: packets in, mail out by polling, for whoever cannot keep a link.

It decides nothing about mail: that is `zentalk.relay` and `zentalk.mailbox`. It must never let
anything in that a link would refuse, and never log what a request holds.
"""
