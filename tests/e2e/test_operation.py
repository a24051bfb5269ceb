"""What operators look at: events, metrics, resource usage, kernel specs that come and go, environments."""

from __future__ import annotations

import ast
import json
import re
import shutil
import threading
from collections.abc import Iterator
from typing import Any, Self

import pytest
import websocket
from conftest import ServerFactory
from harness.server import Server, is_stock
from harness.waiting import PATIENCE, Gate, poll_until
from test_execute_api import run

pytestmark = pytest.mark.skipif(is_stock(), reason="ours alone")

Json = dict[str, Any]
ACTIONS = "https://events.jupyter.org/jupyter_server/kernel_actions/v1"
OURS = "https://schema.jupyter.org/nextgen_kernels/"


class Events:
    """A listener to events."""

    def __init__(self, server: Server, query: str = "") -> None:
        self.socket = websocket.create_connection(
            f"ws://127.0.0.1:{server.port}/api/events/subscribe{query}",
            header=server.headers,
            timeout=PATIENCE,
        )

    def next(self) -> Json:
        event: Json = json.loads(self.socket.recv())
        return event

    def wait_for(self, schema_id: str, **fields: Any) -> Json:
        while True:
            event = self.next()
            if event["schema_id"] == schema_id and fields.items() <= event.items():
                return event

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


@pytest.fixture
def events(server: Server) -> Iterator[Events]:
    with Events(server) as listener:
        yield listener


class TestEvents:
    """Everything that is done to kernels, and happens to them."""

    def test_actions(self, server: Server, events: Events) -> None:
        with server.kernel() as kernel_id:
            started = events.wait_for(ACTIONS, action="start", kernel_id=kernel_id)
            assert started["status"] == "success"
            assert started["kernel_name"] == "python3"
            assert started["msg"] == f"Kernel {kernel_id} was started."
            assert started["__schema_version__"] == "1"
            run(server, kernel_id, "1")
            server.post(f"/api/kernels/{kernel_id}/interrupt")
            assert events.wait_for(ACTIONS, action="interrupt")["kernel_id"] == kernel_id
            server.post(f"/api/kernels/{kernel_id}/restart")
            assert events.wait_for(ACTIONS, action="restart")["kernel_id"] == kernel_id
        assert events.wait_for(ACTIONS, action="shutdown")["kernel_id"] == kernel_id

    def test_autorestart_and_death(self, start_server: ServerFactory) -> None:
        server = start_server(options=["--KernelRestarter.restart_limit=1"])
        with Events(server) as events:
            kernel_id = server.start_kernel()["id"]
            run(server, kernel_id, "import os; os._exit(3)")
            event = events.wait_for(f"{OURS}kernel_restarted/v1", kernel_id=kernel_id)
            assert "status 3" in event["reason"]
            run(server, kernel_id, "import os; os._exit(4)")
            event = events.wait_for(f"{OURS}kernel_died/v1", kernel_id=kernel_id)
            assert "status 4" in event["reason"]

    def test_resource_usage_for_those_who_want_it(self, server: Server, kernel_id: str) -> None:
        with Events(server, "?resource_usage=1") as events:
            first = events.wait_for(f"{OURS}resource_usage/v1", kernel_id=kernel_id)
            assert first["processes"] >= 1
            assert first["memory_bytes"] > 1_000_000
            assert "cpu_percent" not in first
            second = events.wait_for(f"{OURS}resource_usage/v1", kernel_id=kernel_id)
            assert "cpu_percent" in second


class TestResources:
    """In the model of a kernel."""

    def test_also_in_sessions(self, server: Server) -> None:
        body = {"path": "usage.ipynb", "type": "notebook", "kernel": {"name": "python3"}}
        created = server.post("/api/sessions", json=body).json()
        for model in (
            server.get(f"/api/sessions/{created['id']}").json(),
            *[one for one in server.get("/api/sessions").json() if one["id"] == created["id"]],
        ):
            assert model["kernel"]["resources"]["processes"] >= 1
        server.delete(f"/api/sessions/{created['id']}")

    def test_of_the_whole_tree(self, server: Server, kernel_id: str) -> None:
        with Gate() as gate:
            run(server, kernel_id, "1")
            before = server.get(f"/api/kernels/{kernel_id}").json()["resources"]
            code = (
                "import subprocess, threading\n"
                "child = subprocess.Popen(['sleep', '600'])\n"
                "threads = [threading.Thread(target=stop, daemon=True)]\n"
                "memory = b'x' * 100_000_000\n"
                "for thread in threads: thread.start()"
            )
            assert run(server, kernel_id, gate.code + code)["status"] == "ok"
            after = poll_until(
                lambda: (
                    usage
                    if (usage := server.get(f"/api/kernels/{kernel_id}").json()["resources"])["processes"]
                    > before["processes"]
                    else None
                ),
                "a look at the processes",
            )
            assert after["processes"] == before["processes"] + 1
            assert after["threads"] >= before["threads"] + 2
            assert after["memory_bytes"] > before["memory_bytes"] + 90_000_000
            assert after["cpu_seconds"] >= before["cpu_seconds"]
            gate.open()
            run(server, kernel_id, "child.kill(); child.wait()")


class TestMetrics:
    """Prometheus text."""

    def test_of_a_kernel(self, server: Server, kernel_id: str) -> None:
        run(server, kernel_id, "print('x')")
        text = server.get("/metrics").text
        labels = f'{{kernel_id="{kernel_id}",type="python3"}}'
        messages = re.search(rf"nextgen_kernels_kernel_messages_total{re.escape(labels)} (\d+)", text)
        assert messages is not None
        assert int(messages[1]) > 3
        memory = re.search(rf"nextgen_kernels_kernel_memory_bytes{re.escape(labels)} (\S+)", text)
        assert memory is not None
        assert float(memory[1]) > 1_000_000
        assert f"nextgen_kernels_kernel_cpu_seconds{labels} " in text
        for line in text.splitlines():
            assert re.fullmatch(r'#.*|[a-z_]+(\{([a-z_]+="[^"]*",?)+\})? [-+.e\w]+', line), line

    def test_of_executions_that_wait(self, server: Server, kernel_id: str) -> None:
        labels = f'{{kernel_id="{kernel_id}",type="python3"}}'
        with Gate() as gate:
            path = f"/api/nextgen/kernels/{kernel_id}/execute"
            bodies = [{"code": gate.code + "stop()"}, {"code": "1"}]
            streams = [
                server.post(path, json=body, headers={"Accept": "application/jsonl"}, stream=True)
                for body in bodies
            ]
            assert f"nextgen_kernels_kernel_executions{labels} 2\n" in server.get("/metrics").text
            gate.open()
            for stream in streams:
                assert '"type":"end"' in stream.text.replace(" ", "")
        assert f"nextgen_kernels_kernel_executions{labels} 0\n" in server.get("/metrics").text


class TestKernelSpecs:
    """Installed and removed while the server runs."""

    def test_changes_are_seen_by_the_next_request(self, server: Server) -> None:
        directory = server.home / "data" / "kernels" / "fresh"
        python3 = server.get("/api/kernelspecs/python3").json()["spec"]
        for round_number in range(3):
            directory.mkdir(parents=True)
            spec = {**python3, "display_name": f"Fresh {round_number}"}
            (directory / "kernel.json").write_text(json.dumps(spec))
            specs = server.get("/api/kernelspecs").json()["kernelspecs"]
            assert specs["fresh"]["spec"]["display_name"] == f"Fresh {round_number}"
            with server.kernel("fresh") as kernel_id:
                assert run(server, kernel_id, "1")["status"] == "ok"
            shutil.rmtree(directory)
            assert "fresh" not in server.get("/api/kernelspecs").json()["kernelspecs"]
            assert server.post("/api/kernels", json={"name": "fresh"}).status_code == 404

    def test_two_starts_under_one_id_are_one_kernel(self, server: Server) -> None:
        body = {"name": "python3", "kernel_id": "aaaa-bbbb-cccc-dddd-eeee"}
        answers: list[int] = []
        threads = [
            threading.Thread(
                target=lambda: answers.append(server.post("/api/kernels", json=body).status_code)
            )
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers == [201] * 4
        kernels = [model["id"] for model in server.get("/api/kernels").json()]
        assert kernels.count(body["kernel_id"]) == 1
        assert server.delete(f"/api/kernels/{body['kernel_id']}").status_code == 204


class TestEnvironment:
    """What a client may set for its kernel."""

    def test_kernel_variables_arrive(self, server: Server, tmp_path: Any) -> None:
        env = {"KERNEL_USERNAME": "ada", "KERNEL_WORKING_DIR": str(tmp_path), "OTHER": "1", "LD_AUDIT": "x"}
        model = server.post("/api/kernels", json={"name": "python3", "env": env}).json()
        code = (
            "import os; [os.environ.get(n) for n in ('KERNEL_USERNAME', 'OTHER', 'LD_AUDIT')] + [os.getcwd()]"
        )
        result = run(server, model["id"], code)
        shown = ast.literal_eval(result["outputs"][0]["data"]["text/plain"])
        assert shown == ["ada", "1", None, str(tmp_path)]
        server.delete(f"/api/kernels/{model['id']}")

    def test_a_list_narrows_what_is_taken(self, start_server: ServerFactory) -> None:
        server = start_server(options=["--MappingKernelManager.client_envs=ONE"])
        env = {"KERNEL_X": "1", "ONE": "2", "TWO": "3"}
        model = server.post("/api/kernels", json={"name": "python3", "env": env}).json()
        code = "import os; [os.environ.get(n) for n in ('KERNEL_X', 'ONE', 'TWO')]"
        assert run(server, model["id"], code)["outputs"][0]["data"]["text/plain"] == "['1', '2', None]"
        server.delete(f"/api/kernels/{model['id']}")

    def test_values_are_not_told(self, server: Server) -> None:
        env = {"KERNEL_LAUNCH_TIMEOUT": "my-secret"}
        response = server.post("/api/kernels", json={"env": env})
        assert response.status_code == 400
        assert "my-secret" not in response.text
        assert "my-secret" not in server.log
