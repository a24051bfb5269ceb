#!/usr/bin/env python3
"""Run the server with a JupyterLab beside it, attached to it: `make lab`.

JupyterLab gets the address and the token of the server in its environment, never on a command line, where
every user of the machine could read it. Ctrl-C, or the end of either, ends both.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from queue import SimpleQueue

URL = re.compile(r"https?://[^\s/?]+:\d+")
# Lets JupyterLab relay messages with bytes; a user who has configuration elsewhere has it for a reason.
CONFIGURATION = Path(__file__).resolve().parents[1] / "examples" / "jupyterlab"
SECONDS_TO_START = 60
SECONDS_TO_STOP = 10
DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")


class Ended(Exception):
    """A reason to end both programs, with the exit status to end with."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def start(command: Sequence[str], environment: dict[str, str], **options: int) -> subprocess.Popen:
    """Start a program that the terminal's Ctrl-C does not reach: it is told to end here, in order."""
    return subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, start_new_session=True, **options
    )


def pass_on_output(server: subprocess.Popen, news: SimpleQueue) -> None:
    """Copy the server's output to ours until it ends; the first address in it is news."""
    told = False
    for line in server.stdout:
        text = line.decode(errors="replace")
        sys.stdout.write(text)
        sys.stdout.flush()
        if not told and (found := URL.search(text)):
            news.put(("url", found.group()))
            told = True


def watch(name: str, process: subprocess.Popen, news: SimpleQueue) -> None:
    """Tell when a program ends, and with which status."""
    threading.Thread(target=lambda: news.put(("ended", (name, process.wait()))), daemon=True).start()


def next_url(news: SimpleQueue) -> str:
    """Wait for the server's address; raises Ended when something else happens first."""
    what, value = news.get()
    if what == "url":
        return value
    raise _end_of(what, value)


def _end_of(what: str, value: object) -> Ended:
    if what == "signal":
        return Ended(0, "stopping")
    if what == "late":
        return Ended(1, f"the server gave no address within {SECONDS_TO_START} s")
    name, status = value
    return Ended(1, f"{name} ended by itself with status {status}")


def lab_command() -> list[str]:
    """Return the command line of JupyterLab: with a browser only where there is one to open."""
    command = [shutil.which("jupyter-lab") or "jupyter-lab"]
    if not any(os.environ.get(name) for name in DISPLAYS) and sys.platform != "darwin":
        command.append("--no-browser")
    if os.geteuid() == 0:
        command.append("--allow-root")
    return command


def stop(processes: list[subprocess.Popen]) -> None:
    """End the programs, the last one started first; one that does not listen is killed."""
    for process in reversed(processes):
        if process.poll() is None:
            process.terminate()
    for process in reversed(processes):
        try:
            process.wait(SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def main(arguments: Sequence[str]) -> int:
    """Run both programs until one ends or a signal comes."""
    if not arguments:
        print("usage: lab.py SERVER-BINARY [ARGUMENT OF serve]...", file=sys.stderr)
        return 2
    news: SimpleQueue = SimpleQueue()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: news.put(("signal", None)))
    token = os.environ.get("JUPYTER_TOKEN") or secrets.token_hex(24)
    processes = []
    try:
        server = start(
            [arguments[0], "serve", *arguments[1:]],
            os.environ | {"JUPYTER_TOKEN": token},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        processes.append(server)
        threading.Thread(target=pass_on_output, args=(server, news), daemon=True).start()
        watch("the server", server, news)
        too_late = threading.Timer(SECONDS_TO_START, lambda: news.put(("late", None)))
        too_late.daemon = True
        too_late.start()
        url = next_url(news)
        too_late.cancel()

        gateway = {"JUPYTER_GATEWAY_URL": url, "JUPYTER_GATEWAY_AUTH_TOKEN": token}
        helpful = {
            "JUPYTER_GATEWAY_ALLOWED_ENVS": "JPY_SESSION_NAME",
            "JUPYTER_CONFIG_PATH": str(CONFIGURATION),
        }
        own_token = {name: value for name, value in os.environ.items() if name != "JUPYTER_TOKEN"}
        lab = start(lab_command(), helpful | own_token | gateway)
        processes.append(lab)
        watch("JupyterLab", lab, news)
        raise _end_of(*news.get())
    except Ended as ended:
        print(f"lab: {ended}", file=sys.stderr)
        return ended.status
    except OSError as error:
        print(f"lab: cannot start {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    finally:
        stop(processes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
