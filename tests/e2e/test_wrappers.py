"""Kernels that a wrapper runs in a session of their own: what reaches the wrapper is meant for the kernel."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import ServerFactory
from harness.channels import Channels
from harness.outage import kill, wait_for_log
from harness.server import Server, is_stock
from harness.waiting import poll_until, process_ended

pytestmark = pytest.mark.skipif(is_stock(), reason="jupyter_server relies on the kernel to watch its parent")

KERNEL = f"{sys.executable} -m ipykernel_launcher -f {{connection_file}}"
NEW_SESSION = "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:], start_new_session=True))"
DOUBLE_FORK = f"(setsid {KERNEL} &); exec sleep 1000"

WRAPPERS = {
    "setsid": ["setsid", "-w", *KERNEL.split()],
    "shell": ["bash", "-c", f"setsid -w {KERNEL}; exit $?"],
    "python": [sys.executable, "-c", NEW_SESSION, *KERNEL.split()],
    "script": ["script", "-qec", KERNEL, "/dev/null"],
    "timeout": ["bash", "-c", f"timeout 86400 {KERNEL}; exit $?"],
    "double fork": ["bash", "-c", DOUBLE_FORK],
}
BUSY = "print('busy', flush=True)\nwhile True: pass"
GET_PID = "import os; print(os.getpid())"


def install(server: Server, name: str, argv: list[str]) -> None:
    """Write a kernel spec."""
    directory = server.home / "data" / "kernels" / name
    directory.mkdir(parents=True, exist_ok=True)
    spec: dict[str, Any] = {"argv": argv, "display_name": name, "language": "python"}
    (directory / "kernel.json").write_text(json.dumps(spec))


@pytest.fixture(params=list(WRAPPERS))
def wrapped(request: pytest.FixtureRequest, start_server: ServerFactory) -> Server:
    """A server with a kernel spec `wrapped`."""
    argv = WRAPPERS[request.param]
    if shutil.which(argv[0]) is None:
        pytest.skip(f"{argv[0]} is not installed")
    server = start_server()
    install(server, "wrapped", argv)
    return server


def run_busy(channels: Channels) -> tuple[int, str]:
    """Begin what never ends; give the process id of the kernel and the id of the request."""
    pid = int(channels.run(GET_PID).text())
    request = channels.execute(BUSY)
    channels.published("stream", request)
    return pid, request


def test_a_busy_kernel_ends_with_its_wrapper(wrapped: Server) -> None:
    kernel_id = wrapped.start_kernel("wrapped")["id"]
    with Channels(wrapped, kernel_id) as channels:
        pid, _ = run_busy(channels)
        assert wrapped.delete(f"/api/kernels/{kernel_id}").status_code == 204
        assert process_ended(pid, seconds=0)


def test_an_interrupt_reaches_the_kernel_and_a_restart_replaces_it(wrapped: Server) -> None:
    with wrapped.kernel("wrapped") as kernel_id, Channels(wrapped, kernel_id) as channels:
        pid, request = run_busy(channels)
        assert wrapped.post(f"/api/kernels/{kernel_id}/interrupt").status_code == 204
        assert channels.result_of(request).reply.content["ename"] == "KeyboardInterrupt"
        assert int(channels.run(GET_PID).text()) == pid
        channels.published("stream", channels.execute(BUSY))
        assert wrapped.post(f"/api/kernels/{kernel_id}/restart").status_code == 200
        assert process_ended(pid, seconds=0)
        assert int(channels.run(GET_PID).text()) != pid


def test_a_kernel_that_starts_ends_with_its_wrapper(start_server: ServerFactory) -> None:
    server = start_server()
    pid_file = server.home / "pid"
    slow = f"import os, time; open({str(pid_file)!r}, 'w').write(str(os.getpid()) + '.'); time.sleep(1000)"
    install(server, "slow", ["setsid", "-w", sys.executable, "-c", slow])
    kernel_id = server.start_kernel("slow")["id"]
    text = poll_until(lambda: pid_file.exists() and pid_file.read_text().endswith(".") or None, "the kernel")
    assert text
    pid = int(pid_file.read_text()[:-1])
    assert server.delete(f"/api/kernels/{kernel_id}").status_code == 204
    assert process_ended(pid, seconds=0)


def test_what_the_user_starts_in_a_session_of_its_own_stays(start_server: ServerFactory) -> None:
    server = start_server()
    install(server, "wrapped", WRAPPERS["setsid"])
    kernel_id = server.start_kernel("wrapped")["id"]
    start = (
        "import subprocess; daemon = subprocess.Popen(['sleep', '1000'], start_new_session=True)\n"
        "print(daemon.pid)"
    )
    with Channels(server, kernel_id) as channels:
        daemon = int(channels.run(start).text())
        assert server.delete(f"/api/kernels/{kernel_id}").status_code == 204
    assert "sleep" in Path(f"/proc/{daemon}/cmdline").read_text()
    os.kill(daemon, signal.SIGKILL)


def test_the_next_server_ends_it_too(start_server: ServerFactory) -> None:
    first = start_server()
    install(first, "wrapped", WRAPPERS["shell"])
    kernel_id = first.start_kernel("wrapped")["id"]
    with Channels(first, kernel_id) as channels:
        pid, _ = run_busy(channels)
        kill(first)
    second = start_server(home=first.home)
    wait_for_log(second, "is adopted")
    assert second.delete(f"/api/kernels/{kernel_id}").status_code == 204
    assert process_ended(pid, seconds=0)
