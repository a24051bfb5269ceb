"""The life of kernels: busy with several things at once, killed, culled, taken from the pool."""

from __future__ import annotations

import json
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from conftest import ServerFactory
from harness.channels import Channels
from harness.server import Server, server_command
from harness.waiting import Gate, poll_until


def model_of(server: Server, kernel_id: str) -> dict[str, Any]:
    """The kernel as the REST API shows it now."""
    model: dict[str, Any] = server.get(f"/api/kernels/{kernel_id}").json()
    return model


def install_synthetic(server: Server, *arguments: str, **more: Any) -> None:
    """Write the kernel spec of the kernel that runs commands instead of Python."""
    directory = server.home / "data" / "kernels" / "synthetic"
    directory.mkdir(parents=True)
    program = Path(server_command()[0]).parent / "synthetic_kernel"
    spec = {
        "argv": [str(program), "{connection_file}", *arguments],
        "display_name": "Synthetic",
        "language": "commands",
    }
    (directory / "kernel.json").write_text(json.dumps(spec | more))


def notice(channels: Channels, text: str) -> str:
    """Wait for what the server says to everybody, and give all of it."""
    message = channels.wait_for(
        lambda m: m.type == "stream" and m.parent is None and text in m.content["text"], f"a notice: {text}"
    )
    assert message.content["name"] == "stderr"
    return str(message.content["text"])


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

    @pytest.mark.stock_differs("it shows the process that was")
    def test_a_dead_kernel_has_no_process(self, start_server: ServerFactory) -> None:
        """Its id may be another's by now."""
        server = start_server(options=["--KernelManager.autorestart=False"])
        kernel_id = server.start_kernel()["id"]
        with Channels(server, kernel_id) as channels:
            process = int(channels.run("import os; print(os.getpid())").text())
            before = model_of(server, kernel_id)
            assert before["provisioner_info"] == {"pid": process}
            assert before["resources"]["processes"] == 1
            os.kill(process, signal.SIGKILL)
            channels.status("dead")
            after = model_of(server, kernel_id)
            assert after["provisioner_info"] == {}
            assert "resources" not in after

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


@pytest.mark.stock_differs("requests vanish", run=False)
class TestRestart:
    """What becomes of requests around a restart that somebody asks for."""

    def test_what_comes_while_the_old_process_ends_runs_in_the_new_one(
        self, server: Server, kernel_id: str
    ) -> None:
        with Channels(server, kernel_id) as asker, Channels(server, kernel_id) as other, Gate() as gate:
            asker.run(gate.code + "import atexit\natexit.register(stop)\natexit.register(report)")
            with ThreadPoolExecutor() as pool:
                restart = pool.submit(server.post, f"/api/kernels/{kernel_id}/restart")
                gate.wait_for_report()
                first = asker.execute("print('first', 'stop' in dir())")
                second = other.execute("print('second', 'stop' in dir())")
                gate.open()
                assert restart.result().status_code == 200
            assert asker.result_of(first).text() == "first False\n"
            assert other.result_of(second).text() == "second False\n"

    def test_what_the_old_process_had_is_aborted(self, server: Server, kernel_id: str) -> None:
        with Channels(server, kernel_id) as channels, Gate() as gate:
            running = channels.execute(
                gate.code + "report()\nwhile True:\n  try: stop()\n  except KeyboardInterrupt: pass"
            )
            waiting = channels.execute("print('never')")
            gate.wait_for_report()
            assert server.post(f"/api/kernels/{kernel_id}/restart").status_code == 200
            for message_id in (running, waiting):
                result = channels.result_of(message_id)
                assert result.reply.content["status"] == "aborted"
                assert "was restarted" in result.reply.content["evalue"]
            assert channels.run("print('again')").text() == "again\n"


@pytest.mark.stock_differs("it says nothing of the reason", run=False)
class TestOptions:
    """What an operator may choose about the end of kernels."""

    def test_without_autorestart_a_death_is_final(self, start_server: ServerFactory) -> None:
        server = start_server(options=["--KernelManager.autorestart=False"])
        install_synthetic(server)
        with server.kernel("synthetic") as kernel_id, Channels(server, kernel_id) as channels:
            channels.execute("die 3")
            assert "exited with status 3" in notice(channels, "The kernel is dead")
            channels.status("dead")
            model = model_of(server, kernel_id)
            assert model["execution_state"] == "dead"
            assert model["restart_count"] == 0
            late = channels.execute("print late")
            assert "was not sent" in channels.published("error", late).content["evalue"]
            assert not [m for m in channels.waiting if m.content.get("execution_state") == "restarting"]

    def test_a_kernel_that_goes_on_dying_is_given_up_at_the_limit(self, start_server: ServerFactory) -> None:
        server = start_server(options=["--KernelRestarter.restart_limit=1"])
        install_synthetic(server)
        with server.kernel("synthetic") as kernel_id, Channels(server, kernel_id) as channels:
            channels.execute("die 3")
            channels.status("restarting")
            assert channels.run("print back").text() == "back\n"
            channels.execute("die 4")
            told = notice(channels, "The kernel is dead")
            assert "exited with status 4" in told
            assert "2 times in a row (KernelRestarter.restart_limit)" in told
            channels.status("dead")
            assert model_of(server, kernel_id)["restart_count"] == 1

    def test_a_stopped_kernel_is_shown_and_told_and_left_as_it_is(self, start_server: ServerFactory) -> None:
        server = start_server(options=["--KernelRestarter.time_to_dead=0.5"])
        install_synthetic(server)
        with server.kernel("synthetic") as kernel_id, Channels(server, kernel_id) as channels:
            channels.run("print here")
            process = model_of(server, kernel_id)["provisioner_info"]["pid"]
            assert "unresponsive_since" not in model_of(server, kernel_id)
            os.kill(process, signal.SIGSTOP)
            told = notice(channels, "has not answered since")
            model = model_of(server, kernel_id)
            assert "unresponsive_since" in model
            assert model["reason"] + "\n" == told
            os.kill(process, signal.SIGCONT)
            notice(channels, "answers again")
            model = model_of(server, kernel_id)
            assert "unresponsive_since" not in model
            assert "reason" not in model
            assert model["provisioner_info"]["pid"] == process
            assert channels.run("print alive").text() == "alive\n"
            assert not [m for m in channels.waiting if m.type == "stream"], "each was told once"

    def test_a_message_interrupts_when_the_kernel_spec_says_so(self, start_server: ServerFactory) -> None:
        server = start_server()
        got = server.home / "got.txt"
        install_synthetic(server, "--log-end", str(got), interrupt_mode="message")
        with server.kernel("synthetic") as kernel_id, Channels(server, kernel_id) as channels:
            running = channels.execute("sleep 600000")
            channels.status("busy", running)
            assert server.post(f"/api/kernels/{kernel_id}/interrupt").status_code == 204
            assert channels.result_of(running).reply.content["ename"] == "KeyboardInterrupt"
            assert got.read_text().split() == ["interrupt_request"]
            again = channels.execute("sleep 600000")
            channels.status("busy", again)
            assert server.delete(f"/api/kernels/{kernel_id}").status_code == 204
            assert channels.reply_to(again).content["ename"] == "KeyboardInterrupt"
            assert got.read_text().split()[1:] == ["interrupt_request", "shutdown_request"]


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
        poll_until(lambda: ready in server.get("/metrics").text or None, "a kernel in the pool")
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
            {"metadata": {"registration": "none"}},
        ],
        ids=["jupyter", "kallichore", "option"],
    )
    def test_its_ports_are_those_it_registered(
        self, start_server: ServerFactory, more: dict[str, Any]
    ) -> None:
        says = "kernel_protocol_version" in more
        server = start_server(options=[] if says else ["--LocalProvisioner.registration=registering=jupyter"])
        self.install(server, "must-register", **more)
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
