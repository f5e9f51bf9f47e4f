"""Proxies as settings name them."""

from pathlib import Path

import pytest

from zentalk.config import ApiSettings
from zentalk.config.proxies import Proxy, check_proxy, parse_proxy


@pytest.mark.parametrize(
    ("text", "proxy"),
    [
        ("http://proxy.example:3128", Proxy("http", "proxy.example", 3128)),
        ("http://proxy.example:3128/", Proxy("http", "proxy.example", 3128)),
        ("socks5://127.0.0.1:9050", Proxy("socks5", "127.0.0.1", 9050)),
        ("socks5h://[::1]:9050", Proxy("socks5", "[::1]", 9050)),
        ("http://me:a%40b%3A@10.0.0.1:80", Proxy("http", "10.0.0.1", 80, "me", "a@b:")),
    ],
)
def test_a_proxy_is_read(text: str, proxy: Proxy) -> None:
    assert parse_proxy(text) == proxy
    assert check_proxy(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "proxy.example:3128",
        "https://proxy.example:3128",
        "socks4://proxy.example:1080",
        "http://proxy.example",
        "http://proxy.example:0",
        "http://proxy.example:70000",
        "http://:3128",
        "http://a b:3128",
        "http://[::1:3128",
        "http://proxy.example:3128/path",
        "http://proxy.example:3128?query",
        "http://a%3Ab:secret@proxy.example:3128",
        f"http://{'u' * 256}:secret@proxy.example:3128",
    ],
)
def test_what_is_no_proxy_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ValueError, match="a proxy") as caught:
        check_proxy(text)
    assert "secret" not in str(caught.value)


def test_nothing_is_no_proxy() -> None:
    assert check_proxy("") == ""


def test_who_we_are_there_is_never_shown() -> None:
    proxy = parse_proxy("http://alice:hunter2@proxy.example:3128")
    assert "hunter2" not in f"{proxy!r} {proxy.place}"
    assert "alice" not in f"{proxy!r} {proxy.place}"


def test_settings_do_not_show_it_either() -> None:
    settings = ApiSettings(directory=Path("x"), proxy="http://alice:hunter2@proxy.example:3128")
    assert "hunter2" not in repr(settings)
    assert settings.proxy.startswith("http://alice")
