"""The commands that print what lets a shell complete the others."""

from __future__ import annotations

from zentalk.cli.grammar import Group

completion = Group("completion", "Print the script with which a shell completes commands.")


@completion.command(name="bash")
def completion_bash() -> int:
    """Print it for bash, to be read at its start: source <(zentalk completion bash)"""
    return _print("bash")


@completion.command(name="zsh")
def completion_zsh() -> int:
    """Print it for zsh, to be read after compinit: source <(zentalk completion zsh)"""
    return _print("zsh")


@completion.command(name="fish")
def completion_fish() -> int:
    """Print it for fish, to be read at its start: zentalk completion fish | source"""
    return _print("fish")


def _print(shell: str) -> int:
    from zentalk.cli.completion import script_of
    from zentalk.cli.output import say
    from zentalk.cli.parser import app

    say(script_of(app, shell))
    return 0
