"""Many clients that start, restart, interrupt and delete kernels at once, beside culling and a warm pool."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
import websocket
from conftest import ServerFactory
from harness.channels import Channels
from harness.server import Server, is_stock, processes_of, server_command
from harness.waiting import poll_until

WORKERS = 8
STEPS = 40
#: What a request may be answered while others end the kernel that it is about.
EXPECTED = {200, 201, 204, 400, 403, 404, 409, 410, 500, 503}


def install(home: Path, name: str, *argv: str) -> None:
    """Install a kernel spec for the servers with this home."""
    directory = home / "data" / "kernels" / name
    directory.mkdir(parents=True)
    spec = {"argv": list(argv), "display_name": name, "language": "commands"}
    (directory / "kernel.json").write_text(json.dumps(spec))


class Worker:
    """One client that does things to kernels by chance, reproducibly by its seed."""

    def __init__(self, server: Server, seed: int) -> None:
        self._server = server
        self._random = random.Random(seed)
        self.steps: dict[Callable[[], None], int] = {
            self._start: 4,
            self._start_what_dies: 2,
            self._open_session: 2,
            self._restart: 2,
            self._interrupt: 2,
            self._delete: 3,
            self._delete_session: 1,
            self._use: 3,
            self._look: 2,
        }
        self.answers: list[int] = []

    def run(self) -> None:
        """Take all steps."""
        for step in self._random.choices(list(self.steps), list(self.steps.values()), k=STEPS):
            step()

    def _note(self, response: requests.Response) -> requests.Response:
        self.answers.append(response.status_code)
        return response

    def _kernel(self) -> str:
        kernels = self._note(self._server.get("/api/kernels")).json()
        return self._random.choice(kernels)["id"] if kernels else "0-0-0-0-0"

    def _start(self) -> None:
        self._note(self._server.post("/api/kernels", json={"name": "synthetic"}))

    def _start_what_dies(self) -> None:
        self._note(self._server.post("/api/kernels", json={"name": "short-lived"}))

    def _open_session(self) -> None:
        path = f"{self._random.randrange(4)}.ipynb"
        body = {"path": path, "type": "notebook", "name": path, "kernel": {"name": "synthetic"}}
        self._note(self._server.post("/api/sessions", json=body))

    def _restart(self) -> None:
        self._note(self._server.post(f"/api/kernels/{self._kernel()}/restart"))

    def _interrupt(self) -> None:
        self._note(self._server.post(f"/api/kernels/{self._kernel()}/interrupt"))

    def _delete(self) -> None:
        self._note(self._server.delete(f"/api/kernels/{self._kernel()}"))

    def _delete_session(self) -> None:
        sessions = self._note(self._server.get("/api/sessions")).json()
        if sessions:
            self._note(self._server.delete(f"/api/sessions/{self._random.choice(sessions)['id']}"))

    def _use(self) -> None:
        try:
            with Channels(self._server, self._kernel()) as channels:
                channels.execute("print hello")
                channels.execute("sleep 20")
        except websocket.WebSocketException:  # The kernel was deleted meanwhile.
            self.answers.append(404)

    def _look(self) -> None:
        for path in ("/api/status", "/api/sessions", "/metrics", "/api/nextgen/registry/doctor"):
            self._note(self._server.get(path))


@pytest.mark.skipif(is_stock(), reason="it has no warm pool, and the synthetic kernel lies beside our server")
def test_many_clients_change_the_same_kernels_at_once(start_server: ServerFactory, tmp_path: Path) -> None:
    synthetic = str(Path(server_command()[0]).parent / "synthetic_kernel")
    install(tmp_path, "synthetic", synthetic, "{connection_file}")
    install(tmp_path, "short-lived", "true")
    server = start_server(
        home=tmp_path,
        options=[
            "--MappingKernelManager.cull_idle_timeout=1",
            "--MappingKernelManager.cull_interval=1",
            "--MappingKernelManager.cull_connected=True",
            "--MappingKernelManager.pool=synthetic=2",
        ],
    )
    workers = [Worker(server, seed) for seed in range(WORKERS)]
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(Worker.run, workers))
    answers = [answer for worker in workers for answer in worker.answers]
    assert set(answers) <= EXPECTED, sorted(set(answers) - EXPECTED)
    assert answers.count(201) > WORKERS

    # What is left is consistent, can be ended, and leaves no process behind.
    for session in server.get("/api/sessions").json():
        assert server.delete(f"/api/sessions/{session['id']}").status_code in {204, 404, 410}
    for kernel in server.get("/api/kernels").json():
        assert server.delete(f"/api/kernels/{kernel['id']}").status_code in {204, 404}
    assert server.get("/api/kernels").json() == []
    assert server.process.poll() is None
    server.stop()
    poll_until(lambda: not processes_of(server.home), "no process of a kernel")
