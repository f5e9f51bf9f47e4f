"""Ways to a relay where a bare TCP connection does not lead: through HTTP, TLS and proxies.

Each takes a stream of bytes and returns one, so that the same link runs over all of them and
nothing above knows which it is.

- *proxy*: a program that makes connections for us, named in the settings.

They decode the few bytes that servers and proxies of others answer; what is ours, `wire` decodes.

- `websocket`: opens a WebSocket over a stream and is a stream in turn
- `frame_limit`: how many small frames the other side may send
- `tls`: TLS over a stream, with the system's certificates
- `proxy`: a network that dials through an HTTP proxy (CONNECT) or SOCKS5; `http_connect` and
  `socks` speak to them, `answers` reads what they say
- `http_lines`: connections of an HTTP client over such a network

It must never choose a way, resolve a name that a proxy is to resolve, or let a fault of a server in
between become anything but a connection that could not be made or was lost.
"""
