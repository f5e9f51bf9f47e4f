"""HTTP/1.1 for a server, without sockets, clocks or tasks: bytes in, requests out, and back.

A `RequestReader` takes bytes as they come and gives heads (`Request`) and bodies. An `AnswerWriter`
takes one answer in the terms of ASGI and gives its bytes. A `RequestError` is the peer's fault and
carries the answer to it; an `AnswerError` is a bug of the application.

- errors.py: the two errors
- limits.py: how large the parts of a request may be
- request.py: what the head of a request says
- target.py: the four forms of a request target
- head.py: a head from bytes (tokens by httptools, meaning and limits here)
- body.py: where a body ends: by its length, or by its chunks
- reader.py: one connection's requests in order
- writer.py: the head and the framing of one answer

Nothing here reads ahead of what was asked for, keeps more than a head and one read, or decides
what a request means. Where RFC 9112 lets a server be lenient about framing, this one is not: two
programs that disagree on where a request ends are how requests are smuggled.
"""
