"""The life of kernels: busy with several things at once, killed, culled, taken from the pool."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import ServerFactory
from harness.channels import Channels
from harness.server import Server
from harness.waiting import Gate, poll_until


def model_of(server: Server, kernel_id: str) -> dict[str, Any]:
    """The kernel as the REST API shows it now."""
    model: dict[str, Any] = server.get(f"/api/kernels/{kernel_id}").json()
    return model


class TestState:
    """What a kernel is said to do while it does several things."""

    @pytest.mark.stock_differs("a request that ends in one subshell makes the kernel idle")
    def test_busy_while_any_subshell_is(self, server: Server, kernel_id: str) -> None:
        with Channels(server, kernel_id) as channels, Gate() as gate:
            channels.run("pass")
            created = channels.reply_to(channels.send("create_subshell_request", channel="control"))
            subshell = created.content["subshell_id"]
            blocked = channels.execute(gate.code + "report(); stop()")
            gate.wait_for_report()
            in_subshell = channels.send(
                "execute_request",
                {"code": "print('meanwhile')", "silent": False, "allow_stdin": False},
                subshell_id=subshell,
            )
            assert channels.result_of(in_subshell).text() == "meanwhile\n"
            assert model_of(server, kernel_id)["execution_state"] == "busy"
            gate.open()
            channels.result_of(blocked)
            assert model_of(server, kernel_id)["execution_state"] == "idle"

    def test_debugger_and_control_traffic_neither_ends_nor_begins_busy(
        self, server: Server, kernel_id: str
    ) -> None:
        def debug_info(channels: Channels) -> None:
            request = {"type": "request", "seq": 1, "command": "debugInfo", "arguments": {}}
            message_id = channels.send("debug_request", request, channel="control")
            assert channels.reply_to(message_id).content["success"]
            channels.status("idle", message_id)

        with Channels(server, kernel_id) as channels, Gate() as gate:
            channels.run("pass")
            debug_info(channels)
            assert model_of(server, kernel_id)["execution_state"] == "idle"
            blocked = channels.execute(gate.code + "report(); stop()")
            gate.wait_for_report()
            debug_info(channels)
            assert model_of(server, kernel_id)["execution_state"] == "busy"
            gate.open()
            channels.result_of(blocked)

    @pytest.mark.stock_differs("every message counts")
    def test_what_clients_ask_on_control_is_no_activity(self, server: Server, kernel_id: str) -> None:
        with Channels(server, kernel_id) as channels:
            channels.run("pass")
            before = model_of(server, kernel_id)["last_activity"]
            usage = channels.send("usage_request", channel="control")
            channels.reply_to(usage)
            channels.status("idle", usage)
            channels.fence()
            assert model_of(server, kernel_id)["last_activity"] == before
            channels.run("pass")
            assert model_of(server, kernel_id)["last_activity"] > before


class TestEnd:
    """What the user is told when a kernel ends."""

    @pytest.mark.stock_differs("it says nothing of the reason")
    def test_a_killed_kernel_is_restarted_and_says_why(self, server: Server, kernel_id: str) -> None:
        with Channels(server, kernel_id) as channels:
            process = int(channels.run("import os; print(os.getpid())").text())
            os.kill(process, signal.SIGKILL)
            channels.status("restarting")
            assert channels.run("print(1)").text() == "1\n"
        model = model_of(server, kernel_id)
        assert "killed by signal 9" in model["reason"]
        assert "This server did not kill it" in model["reason"] or "out of memory" in model["reason"]
        assert model["restart_count"] == 1

    @pytest.mark.stock_differs("it says nothing to those who listen")
    def test_a_culled_kernel_tells_its_listeners(self, start_server: ServerFactory) -> None:
        server = start_server(
            options=[
                "--MappingKernelManager.cull_idle_timeout=2",
                "--MappingKernelManager.cull_interval=0.2",
                "--MappingKernelManager.cull_connected=True",
            ]
        )
        kernel_id = server.start_kernel()["id"]
        with Channels(server, kernel_id) as channels:
            assert channels.wait_for_close() == 1000
            notices = [m.content["text"] for m in channels.waiting if m.type == "stream"]
            assert any("cull_idle_timeout" in notice for notice in notices)
            assert channels.waiting[-1].content == {"execution_state": "dead"}
        assert server.get(f"/api/kernels/{kernel_id}").status_code == 404


@pytest.mark.stock_differs("it has no pool", run=False)
class TestPool:
    """Kernels that were started before anybody asked."""

    @pytest.fixture
    def pooled(self, start_server: ServerFactory) -> Server:
        """Start a server with a pool of one."""
        server = start_server(options=["--MappingKernelManager.pool=python3=1"])
        (server.root / "sub").mkdir()
        return server

    def take(self, server: Server, body: dict[str, Any]) -> str:
        """Start a kernel once the pool, which fills in the background, has one."""
        ready = 'nextgen_kernels_pool_ready_kernels{type="python3"} 1\n'
        poll_until(lambda: ready in server.get("/metrics").text, "a kernel in the pool")
        model = server.post("/api/kernels", json=body).json()
        assert model["execution_state"] == "idle"
        return str(model["id"])

    def test_is_where_and_as_it_was_asked_for(self, pooled: Server) -> None:
        kernel_id = self.take(
            pooled, {"name": "python3", "path": "sub/notebook.ipynb", "env": {"KERNEL_GREETING": "hallo"}}
        )
        with Channels(pooled, kernel_id) as channels:
            first = channels.run("names = sorted(n for n in globals() if not n.startswith('_'))")
            assert first.reply.content["execution_count"] == 1
            seen = channels.run(
                "import os; print(os.getcwd(), os.environ['KERNEL_GREETING'], 'place' in names)"
            )
            assert seen.text() == f"{pooled.root / 'sub'} hallo False\n"

    def test_stays_there_when_it_is_restarted(self, pooled: Server) -> None:
        kernel_id = self.take(pooled, {"name": "python3", "path": "sub", "env": {"KERNEL_GREETING": "hallo"}})
        assert pooled.post(f"/api/kernels/{kernel_id}/restart").status_code == 200
        with Channels(pooled, kernel_id) as channels:
            seen = channels.run("import os; print(os.getcwd(), os.environ['KERNEL_GREETING'])")
            assert seen.text() == f"{pooled.root / 'sub'} hallo\n"

    def test_knows_its_session(self, pooled: Server) -> None:
        self.take(pooled, {"name": "python3"})
        number = 0

        def open_session() -> str | None:
            nonlocal number
            number += 1
            body = {"path": f"sub/{number}.ipynb", "name": f"{number}.ipynb", "type": "notebook"}
            session = pooled.post("/api/sessions", json=body | {"kernel": {"name": "python3"}}).json()
            if session["kernel"]["execution_state"] == "idle":
                return str(session["kernel"]["id"])
            pooled.delete(f"/api/sessions/{session['id']}")
            return None

        kernel_id = poll_until(open_session, "a session with a kernel of the pool")
        with Channels(pooled, kernel_id) as channels:
            seen = channels.run(
                "import os; print(__session__ == os.environ['JPY_SESSION_NAME'], __session__)"
            )
            assert seen.text() == f"True {pooled.root / 'sub' / f'{number}.ipynb'}\n"

    def test_environment_of_the_interpreter_gets_a_new_kernel(self, pooled: Server) -> None:
        self.take(pooled, {"name": "python3"})
        model = pooled.post("/api/kernels", json={"name": "python3", "env": {"PYTHONOPTIMIZE": "1"}}).json()
        assert model["execution_state"] == "starting"
        with Channels(pooled, model["id"]) as channels:
            assert channels.run("print(__debug__)").text() == "False\n"


@pytest.mark.stock_differs("its kernels are told their ports", run=False)
class TestRegistration:
    """Kernels that choose their own ports and register them."""

    def install(self, server: Server, mode: str, **more: Any) -> None:
        """Write the kernel spec of a kernel that registers."""
        directory = server.home / "data" / "kernels" / "registering"
        directory.mkdir(parents=True)
        program = Path(__file__).parent / "clients" / "registering_kernel.py"
        spec = {
            "argv": [sys.executable, str(program), mode, "{connection_file}"],
            "display_name": "Registering",
            "language": "python",
        }
        (directory / "kernel.json").write_text(json.dumps(spec | more))

    @pytest.mark.parametrize(
        "more",
        [
            {"kernel_protocol_version": "5.6"},
            {"kernel_protocol_version": "5.5", "metadata": {"registration": "kallichore"}},
        ],
        ids=["jupyter", "kallichore"],
    )
    def test_its_ports_are_those_it_registered(
        self, start_server: ServerFactory, more: dict[str, Any]
    ) -> None:
        server = start_server()
        self.install(server, "register", **more)
        with server.kernel("registering") as kernel_id, Channels(server, kernel_id) as channels:
            assert channels.run("print(6 * 7)").text() == "42\n"
            file = json.loads((server.home / "runtime" / f"kernel-{kernel_id}.json").read_text())
            assert file["shell_port"] > 0
            assert server.post(f"/api/kernels/{kernel_id}/restart").status_code == 200
            assert channels.run("print(7 * 6)").text() == "42\n"

    def test_a_kernel_that_cannot_register_is_told_its_ports(self, start_server: ServerFactory) -> None:
        server = start_server()
        self.install(server, "exit", kernel_protocol_version="5.6")
        with server.kernel("registering") as kernel_id, Channels(server, kernel_id) as channels:
            assert channels.run("print(6 * 7)").text() == "42\n"

    def test_a_wrong_signature_registers_nothing(self, start_server: ServerFactory) -> None:
        server = start_server(options=["--MappingKernelManager.kernel_info_timeout=20"])
        self.install(server, "wrong-signature", kernel_protocol_version="5.6")
        with server.kernel("registering") as kernel_id:
            poll_until(
                lambda: "signature is that of no kernel" in server.log or None, "the refusal in the log"
            )
            # It is given up, and told its ports.
            with Channels(server, kernel_id) as channels:
                assert channels.run("print(6 * 7)").text() == "42\n"
