"""What requests are made of, valid and nearly so, for tests that generate them."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

METHODS = [b"GET", b"POST", b"PUT", b"HEAD", b"OPTIONS", b"DELETE"]
TARGETS = [b"/", b"/a?b=c", b"/%20", b"http://b/c", b"//"]
FIELDS = [b"X: y\r\n", b"x-y:z\r\n", b"A:\r\n", b"B: \tc d\t\r\n", b"Connection: close\r\n"]
ODD_PIECES = [
    *METHODS,
    *TARGETS,
    *FIELDS,
    *(b" ", b"\t", b"\r", b"\n", b"\r\n", b"\0", b":", b";", b",", b"#", b"*", b"\xff"),
    *(b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", b" HTTP/2.0\r\n", b"Host: a\r\n", b"Host : a\r\n"),
    *(b"Content-Length: 5\r\n", b"Content-Length: +5\r\n", b"Content-Length: 5, 5\r\n"),
    *(b"Content-Length: 0\r\n", b"Content-Length:5 \r\n", b"content-length: 1_0\r\n"),
    *(b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: Chunked \r\n"),
    *(b"Transfer-Encoding: gzip, chunked\r\n", b"Transfer-Encoding:\tchunked\r\n"),
    *(b"Transfer-Encoding\r\n", b"Transfer-Encoding: x\r\n chunked\r\n"),
    *(b"hello", b"5\r\nhello\r\n", b"5;a\r\nhello\r\n", b"0\r\n\r\n", b"0\r\nX: y\r\n\r\n"),
    *(b"00\r\n\r\n", b"5 \r\nhello\r\n", b"5\nhello\n", b"fffffffffffffffff\r\n"),
]


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """A valid request with a body of any kind."""
    line = draw(st.sampled_from(METHODS)) + b" " + draw(st.sampled_from(TARGETS))
    fields = b"".join(draw(st.lists(st.sampled_from(FIELDS[:4]), max_size=3)))
    head = line + b" HTTP/1.1\r\nHost: a\r\n" + fields
    chunks = draw(st.lists(st.binary(min_size=1, max_size=20), max_size=4))
    match draw(st.sampled_from(["none", "sized", "chunked"])):
        case "none":
            return head + b"\r\n"
        case "sized":
            body = b"".join(chunks)
            return head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    framed = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    trailer = draw(st.sampled_from([b"", b"X: y\r\n"]))
    return head + b"Transfer-Encoding: chunked\r\n\r\n" + framed + b"0\r\n" + trailer + b"\r\n"


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    """Anything like a request: the usual beginning, then pieces that belong, or do not."""
    start = draw(st.sampled_from([b"", b"GET / HTTP/1.1\r\n", b"POST / HTTP/1.1\r\nHost: a\r\n"]))
    pieces = draw(st.lists(st.sampled_from(ODD_PIECES), max_size=7))
    end = draw(st.sampled_from([b"", b"\r\n", b"\r\nhello", b"\r\n5\r\nhello\r\n0\r\n\r\n"]))
    return start + b"".join(pieces) + end


def splits(data: st.DataObject, sent: bytes) -> Sequence[bytes]:
    """Bytes in pieces, cut anywhere."""
    cuts = data.draw(st.lists(st.integers(0, len(sent)), max_size=6).map(sorted))
    return [sent[a:b] for a, b in zip([0, *cuts], [*cuts, len(sent)], strict=True)]
