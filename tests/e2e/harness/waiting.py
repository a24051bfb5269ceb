"""Waiting for events, with deadlines that exist only to end a broken run."""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Callable
from typing import Self, TypeVar

T = TypeVar("T")

#: Ceiling of one wait. Kernels start within seconds; a loaded two-core machine may need many of them.
#: The environment may shorten it, for work on a test that fails.
PATIENCE = float(os.environ.get("NEXTGEN_KERNELS_PATIENCE", "60"))


class Deadline:
    """A point in time after which waiting is given up.

    Parameters
    ----------
    seconds
        How far away it is.
    """

    def __init__(self, seconds: float = PATIENCE) -> None:
        self._end = time.monotonic() + seconds

    @property
    def remaining(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self._end - time.monotonic())

    @property
    def passed(self) -> bool:
        """Whether no time is left."""
        return self.remaining == 0.0


class Gate:
    """A place where code in a kernel stops until the test lets it go on, and where it reports back.

    A socket on the loopback interface, so that neither side can wait without end.

    Attributes
    ----------
    code
        Python for the kernel that defines `stop()`, to wait for the test, and `report()`, to tell it.
    """

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(PATIENCE)
        self._connection: socket.socket | None = None
        self.code = (
            "import socket\n"
            f"_gate = socket.create_connection({self._listener.getsockname()!r})\n"
            "def stop(): _gate.recv(1)\n"
            "def report(): _gate.send(b'r')\n"
        )

    def _connected(self) -> socket.socket:
        if self._connection is None:
            self._connection, _ = self._listener.accept()
            self._connection.settimeout(PATIENCE)
        return self._connection

    def open(self) -> None:
        """Let the code behind `stop()` go on."""
        self._connected().send(b"o")

    def wait_for_report(self) -> None:
        """Wait until the code has called `report()`."""
        assert self._connected().recv(1) == b"r", "the kernel ended before it reported"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection.close()
        self._listener.close()


def process_ended(pid: int, seconds: float = PATIENCE) -> bool:
    """Wait until the process is gone, by its pidfd.

    Returns
    -------
    bool
        False if it still ran at the deadline.
    """
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], seconds)[0])
    finally:
        os.close(descriptor)


def poll_until(ask: Callable[[], T | None], what: str, seconds: float = PATIENCE) -> T:
    """Ask until there is an answer: for REST state, which nobody announces.

    Parameters
    ----------
    ask
        Returns None while the answer is not there yet.
    what
        Said in the failure.
    """
    deadline = Deadline(seconds)
    while not deadline.passed:
        answer = ask()
        if answer is not None:
            return answer
        select.select([], [], [], min(0.05, deadline.remaining))
    raise AssertionError(f"{what} did not happen within {seconds:.0f} s")
