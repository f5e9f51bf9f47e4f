"""The Date header is written once a second."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

from zentalk.web.date_line import DateLine


def test_the_date_is_written_anew_after_a_second() -> None:
    now, texts = [0.0], iter(["a", "b"])
    date = DateLine(lambda: now[0], lambda: next(texts))
    assert date.value() == date.value() == b"a"
    now[0] = 0.9
    assert date.value() == b"a"
    now[0] = 1.0
    assert date.value() == b"b"


def test_the_date_has_the_form_of_http() -> None:
    text = DateLine(lambda: 0.0).value().decode()
    assert text.endswith(" GMT")
    assert parsedate_to_datetime(text).tzinfo is not None
