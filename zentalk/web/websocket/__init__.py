"""WebSockets (RFC 6455) for a server: the handshake, messages, and an ASGI application on top.

- handshake.py: whether a request may become a WebSocket, and the answer that makes it one
- messages.py: bytes in, whole messages out, and back; frames by wsproto; no sockets, no clocks
- exchange.py: what an ASGI application calls `receive` and `send`; pings, silence, the end

No extension is offered: compression next to secrets tells their length. Whoever may open one is
not decided here: the application sees the `websocket` scope first, Origin and all.
"""
