"""The API node's database: contacts, ratchets, messages, outbox and events.

Queries only: what a row means and when it changes is decided in `zentalk.node`. Every
function that writes takes the open transaction of a write job, so that a message, its
ratchet and its event are committed together or not at all.
"""
