"""QUIC as a pipe: byte streams over datagrams, where TCP does not get through to the other side.

One `QuicEndpoint` dials and accepts on one port, as opening a way through two NATs needs it, and
lets others use the port beside it. Each QUIC connection is one byte stream, over which a link runs
as over any other.

- *pipe*: one QUIC connection as a byte stream.
- *half-open*: a connection that somebody asked for and whose handshake is not finished.
- *proven*: it was shown that who asks receives what is sent to the address it names.

- `endpoint`: a port, its connections, and who else uses it
- `pipe`: one connection: its stream, its timers, its end
- `core`: aioquic's protocol core with limits that follow what was read
- `places`: how many connections there may be, and when an address has to be proven
- `beside`: the datagrams on the port that are not QUIC's
- `settings`: limits, and what TLS is told

**TLS proves nothing here.** The certificates are nameless and nobody looks at them: whoever stands
in between can read and change what goes through a pipe. It is the link's handshake inside
(`zentalk.net.serve`) that says who is there, and the link that encrypts; to a pipe belongs only
what may be seen on a line. It must never carry anything but a link.

It is the only importer of aioquic, which is an extra: nothing else in `zentalk.net` needs it.
Spec: docs/spec/link.md section 14; RFC 9000.
"""
