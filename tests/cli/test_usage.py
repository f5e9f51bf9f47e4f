"""Wrong arguments: one sentence, exit code 2, and nothing was made."""

from pathlib import Path

import pytest

from tests.cli.conftest import Run
from zentalk.cli.node_commands import message
from zentalk.cli.reading import read

ADDRESS = "zt1" + "a" * 56


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["relay", "nonsense"],
        ["relay", "init", "--dir"],
        ["relay", "init", "--dir", "DIR", "extra"],
        ["relay", "init", "--dir", "DIR", "--colour", "blue"],
        ["relay", "init", "--dir", "DIR", "--port", "x"],
        ["relay", "init", "--dir", "DIR", "--port", "-1"],
        ["relay", "init", "--dir", "DIR", "--port", "65536"],
        ["relay", "init", "--dir", "DIR", "--host", "two words"],
        ["relay", "init", "--dir", "DIR", "--bootstrap", "zt-relay:x"],
        ["relay", "init", "--dir", "DIR", "--bootstrap", "http://127.0.0.1:9001"],
        ["api", "init", "--dir", "DIR"],
        ["api", "init", "--dir", "DIR", "--bootstrap"],
        ["api", "init", "--dir", "DIR", "--bootstrap", "zt-relay:x@127.0.0.1:9001"],
        ["api", "init", "--dir", "DIR", "--bootstrap", "URI", "--port", "70000"],
        ["api", "init", "--dir", "DIR", "--bootstrap", "URI", "--name", "x" * 65],
        ["contact", "add", "--dir", "DIR", "bob"],
        ["contact", "add", "--dir", "DIR", ADDRESS],
        ["contact", "add", "--dir", "DIR"],
        ["contact", "accept", "--dir", "DIR", ADDRESS],
        ["contact", "accept", "--dir", "DIR", " "],
        ["message", "send", "--dir", "DIR", "--to", ADDRESS, "hello"],
        ["message", "send", "--dir", "DIR", ADDRESS, "hello"],
        ["message", "send", "--dir", "DIR", "--to", ADDRESS, ""],
        ["message", "send", "--dir", "DIR", "--to", ADDRESS, "--wait", "read", "hello"],
        ["message", "list", "--dir", "DIR", "--with", ADDRESS],
        ["message", "list", "--dir", "DIR"],
        ["message", "list", "--dir", "DIR", "Bob", "--with", "Bob"],
        ["message", "list", "--dir", "DIR", "--with", ADDRESS, "--limit", "0"],
        ["sim", "run", "--nodes", "2"],
        ["sim", "run", "--nodes", "101"],
        ["sim", "run", "--nodes", "x"],
        ["sim", "run", "--kill-relays", "3"],
        ["sim", "run", "--kill-relays", "-1"],
        ["sim", "run", "--nodes", "10", "--kill-relays", "8"],
        ["sim", "run", "--users", "1"],
        ["sim", "run", "--messages", "0"],
        ["sim", "run", "--seed", "-1"],
        ["sim", "run", "--net", "udp"],
        ["sim", "up", "--nodes", "2"],
        ["sim", "up", "--users", "1"],
    ],
    ids=" ".join,
)
def test_one_sentence_and_nothing_else(run: Run, tmp_path: Path, arguments: list[str]) -> None:
    directory = tmp_path / "node"
    uri = "zt-relay:" + "a" * 52 + "@127.0.0.1:9001"
    filled = [{"DIR": str(directory), "URI": uri}.get(word, word) for word in arguments]
    result = run(*filled)
    assert result.code == 2
    assert not result.out
    assert not directory.exists()


def test_ranges_are_named(run: Run) -> None:
    assert "3 to 100" in run("sim", "run", "--nodes", "2").err
    assert "3 to 100" in run("sim", "up", "--nodes", "101").err
    assert "leaves 2 of 10" in run("sim", "run", "--nodes", 10, "--kill-relays", 8).err
    assert "zentalk relay init --help" in run("relay", "init", "--colour", "blue").err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("mesage send", "there is no command 'mesage'; did you mean 'message'?"),
        (
            "relay x",
            "there is no command 'x'; the commands are init, run, check, status, access and ban",
        ),
        ("relay run --dir", "--dir needs a value"),
        ("api init --dir d --bootstrap", "--bootstrap needs a value"),
        ("contact add --dir d", "ADDRESS is missing"),
        ("relay run --dir d extra", "'extra' is one word too many"),
        ("relay run --dri d", "there is no option --dri; did you mean --dir?"),
        ("relay run --dir a --dir b", "--dir is given more than once"),
        ("relay init --dir d --port x", "--port takes a whole number, not 'x'"),
        ("message send --dir d --to a -hello", "put -- before a text that starts with a hyphen"),
        ("message send --dir d --to a --timeout soon x", "--timeout takes a number, not 'soon'"),
        ("message location --dir d Bob -. 1", "LATITUDE takes a number, not '-.'"),
        ("message location --dir d Bob - 1", "LATITUDE takes a number, not '-'"),
        ("message list --dir d Bob --limit -.5", "--limit takes a whole number, not '-.5'"),
        ("message send --dir d --to a --timeout nan x", "--timeout takes a number, not 'nan'"),
        ("message send --dir d --to a --timeout inf x", "--timeout takes a number, not 'inf'"),
        ("message send --dir d --to a --wait read x", "--wait takes sent or delivered, not 'read'"),
        ("mailbox list --dir d --json=maybe", "--json takes no value"),
    ],
)
def test_the_sentence_is_ours_and_says_what_to_do(run: Run, arguments: str, sentence: str) -> None:
    words = run(*arguments.split()).err.removesuffix(" --help\n")
    said, _, command = words.replace("; see: ", " See: ").partition(" See: ")
    assert said == f"zentalk: {sentence}"
    assert f"zentalk {arguments}".startswith(command)


def test_what_two_arguments_say_together(run: Run) -> None:
    twice = run("contact", "add", "--dir", "d", ADDRESS, "--name", "two", "words").err
    assert twice == (
        "zentalk: 'words' is one word too many; put a name of several words in quotes\n"
    )
    assert run("message", "send", "--dir", "d").err == "zentalk: PERSON is missing\n"
    both = run("message", "list", "Bob", "--with", "Bob", "--dir", "d").err
    assert both == "zentalk: give PERSON or --with, not both\n"


@pytest.mark.parametrize(
    "command", [[], ["relay"], ["api"], ["contact"], ["message"], ["sim"], ["api", "init"]]
)
def test_help(run: Run, command: list[str]) -> None:
    result = run(*command, "--help")
    assert result.code == 0
    assert result.out.startswith(" ".join(["Usage: zentalk", *command]))


def test_version(run: Run) -> None:
    result = run("--version")
    assert result.code == 0
    assert result.out[0].isdigit()


@pytest.mark.parametrize("number", ["-.5", "-0.5", "-5e-1"])
def test_a_number_below_zero_is_no_option(number: str) -> None:
    given = ["Bob", number, number, "--dir", "d"]
    values = read(message.commands["location"], ("zentalk", "message", "location"), given)
    assert (values["latitude"], values["longitude"]) == (-0.5, -0.5)
    given = ["--to", "Bob", "--timeout", number, "hello"]
    assert read(message.commands["send"], ("zentalk", "message", "send"), given)["timeout"] == -0.5


def test_a_text_may_look_like_an_option_after_two_hyphens() -> None:
    given = ["--dir", "d", "--to", ADDRESS, "--", "--json"]
    values = read(message.commands["send"], ("zentalk", "message", "send"), given)
    assert values["person"] == "--json"
    assert values["as_json"] is False
