"""REST and the event stream of an API node, over the facade of `zentalk.node`.

It translates HTTP to calls of the node and back, and lets nobody in without the token. It
keeps no state of its own, never talks to a relay, and never logs a path, a header or a body.
Modules are imported one by one: reading a token must not load a web framework.
"""
