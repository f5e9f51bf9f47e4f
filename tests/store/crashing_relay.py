"""A mailbox that dies at every step in turn: `python -m tests.store.crashing_relay FOLDER`.

For k = 0, 1, 2, ... a forked child runs the same short life of a mailbox on FOLDER/k.db
and is killed at its k-th step, without any clean-up, until one child lives to the end.
FOLDER/k.log holds what the world had seen by then: `acked n` and `shown n` lines. With a
third argument, acks do not wait for the commit: the control of test_mailbox_sqlite.py.
"""

import itertools
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.mailbox.support import Desk, entry, numbers
from zentalk.mailbox.acks import AckSchedule
from zentalk.mailbox.events import Collector
from zentalk.mailbox.settings import MailboxSettings
from zentalk.mailbox.state import Mail
from zentalk.mailbox.storage import Operation, Outcome
from zentalk.store.mailbox.sqlite import SqliteMailboxStore

KILLED = 9


class Countdown:
    def __init__(self, steps: int) -> None:
        self.steps = steps

    def step(self, *_: object) -> Any:
        if self.steps == 0:
            os._exit(KILLED)
        self.steps -= 1


class _Die:
    """An operation that counts a step inside a transaction."""


class DyingStore(SqliteMailboxStore):
    """Counts steps before, inside (when all is executed) and after each transaction."""

    def __init__(self, path: Path, countdown: Countdown) -> None:
        super().__init__(path)
        self.countdown = countdown
        # A killed process does not lose what the system has; only a power cut needs the fsync.
        self._connection.execute("PRAGMA synchronous = OFF")

    def _execute(self, operation: Any) -> Any:
        if isinstance(operation, _Die):
            return self.countdown.step()
        return super()._execute(operation)

    def apply(self, operations: Sequence[Operation]) -> list[Outcome]:
        self.countdown.step()
        whole: list[Any] = [*operations, _Die()]
        outcomes = super().apply(whole)
        self.countdown.step()
        return outcomes[:-1]


class Life:
    """Bob's mailbox, a few messages, offline and online, slow and fast commits."""

    def __init__(self, path: Path, steps: int) -> None:
        self.log = os.open(path.with_suffix(".log"), os.O_CREAT | os.O_WRONLY)
        self.countdown = Countdown(steps)
        store = DyingStore(path, self.countdown)
        self.desk = Desk(MailboxSettings(), store, by_hand=True)
        self.desk.commit()

    def tell(self, word: str, number: int) -> None:
        os.write(self.log, f"{word} {number}\n".encode())
        self.countdown.step()

    def wait(self, seconds: float) -> None:
        self.desk.pass_time(seconds)
        acks, self.desk.acks = self.desk.acks, []
        for _, number in acks:
            self.tell("acked", number)

    def deposit(self, *messages: int) -> None:
        for number in messages:
            self.desk.deposit(number)
            self.countdown.step()

    def commit(self) -> None:
        self.desk.commit()

    def show_and_ack(self, bob: Collector) -> None:
        self.commit()
        while pushes := self.desk.take_pushes(bob):
            for number in numbers(pushes):
                self.tell("shown", number)
            self.desk.ack(bob, *(push.seq for push in pushes))
            self.countdown.step()
            self.commit()

    def run(self) -> None:
        bob = self.desk.mailbox(entry("bob"))
        self.desk.lose(bob)
        self.deposit(0, 1, 2)
        self.commit()
        self.wait(7)
        self.deposit(3)
        self.wait(7)  # nothing is committed in this time: no ack may leave
        self.commit()
        bob = self.desk.collect(generation=2)
        self.show_and_ack(bob)
        self.deposit(4)
        self.wait(3)
        self.commit()
        self.show_and_ack(bob)
        self.deposit(5)
        self.show_and_ack(bob)
        self.wait(7)
        self.deposit(6)
        self.desk.lose(bob)
        self.commit()
        self.wait(7)


def main(arguments: Sequence[str]) -> None:
    folder = Path(arguments[0])
    if len(arguments) > 1:
        original = AckSchedule.due

        def careless(self: AckSchedule, now: float) -> Any:
            for *_, mail in self._heap:
                assert isinstance(mail, Mail)
                mail.safe = True
            return original(self, now)

        AckSchedule.due = careless  # type: ignore[method-assign]
    for steps in itertools.count():
        child = os.fork()
        if child == 0:
            Life(folder / f"{steps}.db", steps).run()
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert status in (0, KILLED), status
        if status == 0:
            break


if __name__ == "__main__":
    main(sys.argv[1:])
