"""Servers that end without a word, and what the next one has."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from harness.channels import Channels, Json
from harness.server import Server
from harness.waiting import poll_until


def kill(server: Server) -> None:
    """End a server as nothing can be prepared for."""
    os.kill(server.process.pid, signal.SIGKILL)
    server.wait()


def kernels(server: Server) -> list[Json]:
    """The kernels that a server has."""
    found: list[Json] = server.get("/api/kernels").json()
    return found


def wait_for_log(server: Server, text: str) -> None:
    """Wait until the server has said something."""
    poll_until(lambda: (text in server.log) or None, f"{text!r} in the log")


def log_of(server: Server) -> str:
    """Everything in the server's log."""
    logs = sorted((server.home / "runtime").glob("nextgen-kernels-*.log"))
    return "".join(log.read_text() for log in logs)


def pid_of(channels: Channels) -> int:
    """The process id of a kernel."""
    return int(channels.run("import os; print(os.getpid())").text())


def process_ended_now(pid: int) -> bool:
    """Whether a process is gone, without waiting."""
    return not Path(f"/proc/{pid}").exists()
