"""The server under test, and any other Jupyter server, as a process of its own."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import secrets
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import requests

from harness.waiting import PATIENCE, Deadline, poll_until

REPOSITORY = Path(__file__).resolve().parents[3]

#: Command line of the server under test. `jupyter-server --allow-root` runs the suite on jupyter_server.
COMMAND_VARIABLE = "NEXTGEN_KERNELS_SERVER"

_PR_SET_PDEATHSIG = 1
_TOKEN_OPTION = "--IdentityProvider.token="
# How the sanitizers that a server may be built with end each of their reports.
_SANITIZER_REPORT = re.compile(r"^SUMMARY: \w+Sanitizer: .*$", re.MULTILINE)


def server_command() -> list[str]:
    """The command line of the server under test, without options."""
    configured = os.environ.get(COMMAND_VARIABLE)
    if configured:
        return shlex.split(configured)
    return [str(REPOSITORY / "build" / "release" / "bin" / "nextgen-kernels"), "serve"]


def is_stock() -> bool:
    """Whether the server under test is jupyter_server rather than ours."""
    return "jupyter" in Path(server_command()[0]).name


def artifacts_directory() -> Path:
    """Where screenshots and logs are kept for people to look at."""
    configured = os.environ.get("NEXTGEN_KERNELS_ARTIFACTS")
    directory = Path(configured) if configured else REPOSITORY / "build" / "artifacts"
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def isolated_environment(home: Path, **extra: str) -> dict[str, str]:
    """An environment in which Jupyter finds this Python's kernel specs and nothing of the user's.

    Parameters
    ----------
    home
        A directory that may be written to; becomes HOME and holds Jupyter's directories.
    extra
        Further variables.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("JUPYTER", "KERNEL_", "KG_", "JPY_", "IPYTHON", "XDG_"))
        and name not in {"CONDA_PREFIX", "PYTHONPATH", "PYTHONHOME"}
    }
    kept |= {
        "HOME": str(home),
        "VIRTUAL_ENV": sys.prefix,
        "PATH": f"{Path(sys.prefix) / 'bin'}{os.pathsep}{kept.get('PATH', os.defpath)}",
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "IPYTHONDIR": str(home / "ipython"),
        "PYTHONUNBUFFERED": "1",
    }
    return kept | extra


def without_kernels(home: Path) -> dict[str, str]:
    """Variables of an environment that has no kernel, and whose Python belongs to the operating system."""
    prefix = home / "usr"
    (prefix / "bin").mkdir(parents=True, exist_ok=True)
    (prefix / "lib" / "python3.11").mkdir(parents=True, exist_ok=True)
    (prefix / "lib" / "python3.11" / "EXTERNALLY-MANAGED").touch()
    python = prefix / "bin" / "python3"
    python.write_text("#!/bin/sh\necho \"ModuleNotFoundError: No module named 'ipykernel'\" >&2\nexit 1\n")
    python.chmod(0o755)
    return {
        "VIRTUAL_ENV": str(prefix),
        "JUPYTER_PLATFORM_DIRS": "1",
        "XDG_DATA_DIRS": str(home / "nothing"),
    }


def processes_of(home: Path) -> list[int]:
    """Process ids of what runs with this HOME: a server, and kernels whatever became of their server."""
    marker = f"HOME={home}".encode()
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and int(process.name) != os.getpid():
            try:
                variables = (process / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if marker in variables:
                found.append(int(process.name))
    return found


def _end_with_parent() -> None:
    """Ask the kernel for SIGTERM when the test run ends, however it ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class Server:
    """A running Jupyter server.

    Owns the process: `stop()` or leaving the `with` block ends it. The URL is learned from what the
    process prints, so that it can be started on port 0.

    Parameters
    ----------
    command
        Command line without the options of the address.
    home
        Directory for everything that the server and its kernels write.
    host
        The IPv4 address to find it at.
    listen
        The one to listen on, when that is another.
    token
        Required of every request, given to the server in its environment; by default a random one.
        Empty turns authentication off.
    options
        More command line options. One that sets the token is used instead of the environment.
    environment
        More environment variables.
    """

    def __init__(
        self,
        command: Sequence[str],
        home: Path,
        *,
        host: str = "127.0.0.1",
        listen: str | None = None,
        token: str | None = None,
        options: Sequence[str] = (),
        environment: dict[str, str] | None = None,
    ) -> None:
        self.home = home
        self.host = host
        self.port = 0
        self.url = ""
        chosen = [option.partition("=")[2] for option in options if option.startswith(_TOKEN_OPTION)]
        self.token = chosen[0] if chosen else secrets.token_hex(16) if token is None else token
        self.is_stock = any("jupyter" in Path(word).name for word in command)
        self.root = home / "notebooks"
        self.root.mkdir(parents=True, exist_ok=True)
        arguments = [*command, f"--ServerApp.ip={listen or host}", "--ServerApp.port=0", *options]
        if self.is_stock:
            arguments.append("--ServerApp.open_browser=False")
        if token == "":
            arguments.append(_TOKEN_OPTION)
        credentials = {"JUPYTER_TOKEN": self.token} if self.token and not chosen else {}
        self.process = subprocess.Popen(
            arguments,
            cwd=self.root,
            env=isolated_environment(home, **(credentials | (environment or {}))),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )
        self.stdout: list[str] = []
        self.stderr: list[str] = []
        self._port_known = threading.Event()
        self._pumps = [
            threading.Thread(target=self._pump, args=pipe, daemon=True)
            for pipe in ((self.process.stdout, self.stdout), (self.process.stderr, self.stderr))
        ]
        for pump in self._pumps:
            pump.start()
        if not self._port_known.wait(PATIENCE) or not self.port:
            self.kill()
            for pump in self._pumps:  # What it said last may be in the pipes still.
                pump.join(PATIENCE)
            raise RuntimeError(f"{shlex.join(arguments)} did not say its URL:\n{self.log}")
        self.url = f"http://{host}:{self.port}"
        if self.is_stock:  # It prints its URL before it listens; ours must not.
            poll_until(self._answers, "listening")

    def _answers(self) -> requests.Response | None:
        try:
            return self.get("/api")
        except requests.ConnectionError:
            return None

    def _pump(self, stream: Iterable[str], lines: list[str]) -> None:
        for line in stream:
            lines.append(line)
            found = re.search(rf"https?://(?:{re.escape(self.host)}|127\.0\.0\.1|localhost):(\d+)/\S*", line)
            if found and not self.port:
                self.port = int(found.group(1))
                self._port_known.set()
        # An end without a URL must wake the waiting constructor as well.
        self.process.wait()
        self._port_known.set()

    @property
    def log(self) -> str:
        """Everything that the server printed so far."""
        return "".join([*self.stdout, *self.stderr])

    @property
    def headers(self) -> dict[str, str]:
        """Headers that authenticate a request."""
        return {"Authorization": f"token {self.token}"} if self.token else {}

    def request(self, method: str, path: str, **arguments: Any) -> requests.Response:
        """Send one authenticated request; `path` starts with a slash."""
        arguments.setdefault("headers", {})
        arguments["headers"] = self.headers | arguments["headers"]
        arguments.setdefault("timeout", PATIENCE)
        arguments.setdefault("allow_redirects", False)
        return requests.request(method, self.url + path, **arguments)

    def get(self, path: str, **arguments: Any) -> requests.Response:
        """GET with the token."""
        return self.request("GET", path, **arguments)

    def post(self, path: str, **arguments: Any) -> requests.Response:
        """POST with the token."""
        return self.request("POST", path, **arguments)

    def patch(self, path: str, **arguments: Any) -> requests.Response:
        """PATCH with the token."""
        return self.request("PATCH", path, **arguments)

    def delete(self, path: str, **arguments: Any) -> requests.Response:
        """DELETE with the token."""
        return self.request("DELETE", path, **arguments)

    def start_kernel(self, name: str = "python3") -> dict[str, Any]:
        """Start a kernel and return its model."""
        response = self.post("/api/kernels", json={"name": name})
        assert response.status_code == 201, response.text
        model: dict[str, Any] = response.json()
        return model

    @contextlib.contextmanager
    def kernel(self, name: str = "python3") -> Iterator[str]:
        """A kernel for the length of a `with` block; gives its id."""
        kernel_id = self.start_kernel(name)["id"]
        try:
            yield kernel_id
        finally:
            if self.process.poll() is None:
                assert self.delete(f"/api/kernels/{kernel_id}").status_code in {204, 404}

    def wait(self, seconds: float = PATIENCE) -> int:
        """Wait for the end of the process and return its exit status."""
        deadline = Deadline(seconds)
        status = self.process.wait(deadline.remaining)
        for pump in self._pumps:
            pump.join(deadline.remaining)
        return status

    def kill(self) -> None:
        """End the process and whatever is left in its session, without asking."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """End the server as its service manager would; kill it if it does not follow."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.wait(5.0 if self.is_stock else PATIENCE)
            except subprocess.TimeoutExpired:
                self.kill()
                if not self.is_stock:  # It hangs when a kernel vanishes while it stops.
                    raise AssertionError(f"the server ignored SIGTERM:\n{self.log}") from None
        report = _SANITIZER_REPORT.search(self.log)
        assert report is None, f"{report and report.group()}\n{self.log}"

    def end_what_is_left(self) -> None:
        """Kill the kernels that a killed server has left behind."""
        for pid in processes_of(self.home):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.end_what_is_left()
