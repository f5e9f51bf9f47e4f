"""A name that somebody else chose is safe to write to, whatever it is."""

from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zentalk.web.file_names import MAX_BYTES, safe_name

CID = "5f" * 32
MADE_UP = f"file-{'5f' * 8}"


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("photo.jpg", "photo.jpg"),
        ("Größe 2.tar.gz", "Größe 2.tar.gz"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\x.doc", "x.doc"),
        ("/", MADE_UP),
        ("..", MADE_UP),
        ("", MADE_UP),
        (".bashrc", "bashrc"),
        ("-rf", "rf"),
        ("~root", "root"),
        ("a\nb\x1b[2J.txt", "a_b_[2J.txt"),
        ("evil\u202egpj.exe", "evil_gpj.exe"),
        ("a:b?.txt", "a_b_.txt"),
        ("\ud800.txt", "_.txt"),
        ("x. . ", "x"),
    ],
)
def test_names(name: str, safe: str) -> None:
    assert safe_name(name, CID) == safe


def test_a_long_name_keeps_its_ending() -> None:
    assert safe_name("ä" * 300 + ".jpeg", CID) == "ä" * 97 + ".jpeg"
    assert safe_name("a" * 300, CID) == "a" * MAX_BYTES
    assert safe_name("a." + "b" * 300, CID) == ("a." + "b" * 300)[:MAX_BYTES]


def test_a_name_that_is_none_gets_the_ending_of_its_type() -> None:
    assert safe_name("", CID, ".jpg") == MADE_UP + ".jpg"


@given(st.text(alphabet=st.characters(codec=None), max_size=300))
def test_any_name_is_a_plain_name_of_one_file(name: str) -> None:
    safe = safe_name(name, CID)
    assert 0 < len(safe.encode()) <= MAX_BYTES
    assert not set(safe) & set('/\\<>:"|?*')
    assert safe[0] not in ".-~ "
    assert safe[-1] not in ". "
    assert not [char for char in safe if category(char)[0] == "C"]
    assert safe_name(safe, CID) == safe
