"""The status page: what everybody sees, what the operator sees, and nothing that runs."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import pytest
from trio.testing import MockClock

from tests.relay_http.harness import OPERATOR, STRANGER, doors

PUBLIC, FULL = "/relay/status", "/relay/status/full"


async def test_everybody_sees_round_and_old_numbers_of_the_mailboxes(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with doors(tmp_path, "r1") as (_, [door]):
        page = await door.http(STRANGER).get(PUBLIC)
        assert page.status_code == 200
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "<h1>Relay: running</h1>" in page.text
        assert "unique recipients" in page.text
        assert "zt-relay:" not in page.text
        assert "connections" not in page.text
        policy = page.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert page.headers["cache-control"] == "no-store"


async def test_the_operator_sees_all_and_what_is_shown_never_runs(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with doors(tmp_path, "r1") as (_, [door]):
        basic = "Basic " + b64encode(f"me:{OPERATOR}".encode()).decode()
        for shown in (basic, f"Bearer {OPERATOR}"):
            page = await door.http(STRANGER).get(FULL, headers={"Authorization": shown})
            assert page.status_code == 200
            assert "<td>12 links</td>" in page.text
            assert "zt-relay:x" in page.text
            assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in page.text
            assert "<script" not in page.text


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Basic",
        "Basic !!!",
        "Basic bWU6d3Jvbmc=",
        "Basic b3BlcmF0b3ItdG9rZW4=",
        "Bearer wrong",
    ],
    ids=["nothing", "no words", "no base64", "wrong", "no colon", "another token"],
)
async def test_nobody_else_sees_it_and_a_browser_is_asked_for_the_token(
    authorization: str, autojump_clock: MockClock, tmp_path: Path
) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    async with doors(tmp_path, "r1") as (_, [door]):
        page = await door.http().get(FULL, headers=headers)
        assert page.status_code == 401
        assert page.headers["www-authenticate"].startswith("Basic ")
        assert "12 links" not in page.text


async def test_what_a_browser_remembers_changes_nothing(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """Another site could make it send the password along."""
    async with doors(tmp_path, "r1") as (_, [door]):
        answer = await door.http().post("/relay/cleanup", auth=("me", OPERATOR))
        assert answer.status_code == 401
