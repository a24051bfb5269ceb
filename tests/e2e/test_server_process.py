"""The server as a process: how it says where it is, how it ends, what it refuses."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import shlex
import signal
import socket
import subprocess
import termios
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from conftest import ServerFactory
from harness.channels import V1, Channels
from harness.server import Server, isolated_environment, processes_of, server_command, without_kernels
from harness.waiting import PATIENCE, poll_until, process_ended


def run_to_the_end(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the server with arguments that it should refuse."""
    return subprocess.run(
        [*server_command(), *arguments],
        env=isolated_environment(home, JUPYTER_TOKEN="secret-of-the-test"),
        cwd=home,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


class TestStart:
    """Where people and programs learn how to reach it."""

    @pytest.mark.stock_differs("it logs its URL to standard error")
    def test_one_clickable_url_on_standard_output(self, start_server: ServerFactory) -> None:
        server = start_server()
        urls = [line.strip() for line in server.stdout if line.strip().startswith("http://")]
        assert len(urls) == 1
        url = urls[0]
        assert parse_qs(urlsplit(url).query)["token"] == [server.token]
        assert requests.get(url, timeout=PATIENCE).status_code == 200

    def test_without_a_token_in_sight_it_makes_one(self, start_server: ServerFactory) -> None:
        first = start_server(environment={"JUPYTER_TOKEN": ""})
        assert requests.get(f"{first.url}/api/kernels", timeout=PATIENCE).status_code == 403

    def test_listens_on_loopback_only(self, start_server: ServerFactory) -> None:
        server = start_server()
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.2", server.port), timeout=PATIENCE)

    @pytest.mark.stock_differs("it takes the next free port, or exits with 1 and a traceback")
    def test_taken_port_is_named(self, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            finished = run_to_the_end(
                tmp_path, "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"
            )
        assert finished.returncode != 0
        assert str(port) in finished.stderr
        assert "Traceback" not in finished.stderr

    @pytest.mark.stock_differs("it ignores what it does not know")
    @pytest.mark.parametrize(
        ("option", "suggestion"),
        [
            ("--ServerApp.prot=1", "ServerApp.port"),
            ("--SevrerApp.port=1", "ServerApp"),
            ("--ServerApp.port=many", "port"),
        ],
    )
    def test_wrong_option_is_refused_with_a_suggestion(
        self, tmp_path: Path, option: str, suggestion: str
    ) -> None:
        finished = run_to_the_end(tmp_path, option)
        assert finished.returncode != 0
        assert suggestion in finished.stderr
        assert "secret-of-the-test" not in finished.stdout + finished.stderr

    @pytest.mark.stock_differs("it has no line to attach with", run=False)
    def test_any_token_can_be_clicked_and_typed(self, start_server: ServerFactory) -> None:
        token = "a&b=c #+%20'$(x)"
        server = start_server(token=token)
        url = next(line.strip() for line in server.stdout if "?token=" in line)
        assert parse_qs(urlsplit(url).query)["token"] == [token]
        assert requests.get(url, timeout=PATIENCE).status_code == 200
        poll_until(lambda: "Ctrl-C" in server.log or None, "the whole welcome")
        attach = shlex.split(next(line for line in server.stdout if "jupyter lab" in line))
        assert attach == [
            "jupyter",
            "lab",
            f"--gateway-url={server.url}",
            f"--GatewayClient.auth_token={token}",
            "--GatewayClient.allowed_envs=JPY_SESSION_NAME",
        ]

    @pytest.mark.stock_differs("it says nothing", run=False)
    def test_without_a_kernel_it_says_what_to_type(self, start_server: ServerFactory, tmp_path: Path) -> None:
        server = start_server(environment=without_kernels(tmp_path))
        poll_until(lambda: "notices new kernels" in server.log or None, "what to type")
        assert server.log.count("No kernel spec was found; ipykernel cannot be imported") == 1
        assert "    ~/.venvs/ipykernel/bin/python -m ipykernel install --user\n" in server.stdout
        assert "-m venv ~/.venvs/ipykernel && " in server.post("/api/kernels").json()["message"]
        refused = server.post("/api/sessions", json={"path": "a.ipynb", "type": "notebook"})
        assert refused.status_code == 501
        assert "-m venv ~/.venvs/ipykernel && " in refused.json()["message"]


class TestServerList:
    """Jupyter's own commands find the server by the file that it writes."""

    def run_jupyter(self, home: Path, *arguments: str) -> str:
        """Run `jupyter server …` as the user whose server it is."""
        return subprocess.run(
            ["jupyter-server", *arguments],
            env=isolated_environment(home),
            cwd=home,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        ).stdout

    def test_lists_and_stops_it(self, start_server: ServerFactory) -> None:
        server = start_server(options=["--ServerApp.base_url=/base/"])
        listed = self.run_jupyter(server.home, "list")
        assert f"{server.url}/base/?token={server.token} :: {server.root}" in listed
        self.run_jupyter(server.home, "stop", str(server.port))
        server.wait(PATIENCE)
        assert list((server.home / "runtime").glob("jpserver-*.json")) == []

    @pytest.mark.stock_differs("it is not looked for on the socket", run=False)
    def test_lists_and_stops_one_on_a_socket(self, tmp_path: Path) -> None:
        sock = tmp_path / "kernels.sock"
        process = subprocess.Popen(
            [*server_command(), f"--ServerApp.sock={sock}"],
            env=isolated_environment(tmp_path, JUPYTER_TOKEN="token"),
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        while "Ctrl-C" not in process.stdout.readline():
            assert process.poll() is None
        assert str(sock).replace("/", "%2F") + "/?token=token" in self.run_jupyter(tmp_path, "list")
        self.run_jupyter(tmp_path, "stop", str(sock))
        assert process.wait(PATIENCE) == 0
        process.stdout.close()

    @pytest.mark.stock_differs("`jupyter server list` removes it", run=False)
    def test_a_killed_server_is_not_listed_for_long(
        self, start_server: ServerFactory, tmp_path: Path
    ) -> None:
        killed = start_server(home=tmp_path)
        os.kill(killed.process.pid, signal.SIGKILL)
        killed.wait()
        left = tmp_path / "runtime" / f"jpserver-{killed.process.pid}.json"
        assert left.stat().st_mode & 0o777 == 0o600
        start_server(home=tmp_path)
        assert not left.exists()


def kernel_pids(server: Server, count: int) -> tuple[list[Channels], list[int]]:
    """Start kernels and return open sockets to them and their process ids."""
    sockets = [Channels(server, server.start_kernel()["id"]) for _ in range(count)]
    pids = [int(channels.run("import os; print(os.getpid())").text()) for channels in sockets]
    return sockets, pids


class TestStop:
    """Asked to end while kernels run, it ends them and says goodbye to the sockets."""

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
    def test_signal_ends_server_and_kernels(
        self, start_server: ServerFactory, number: signal.Signals
    ) -> None:
        server = start_server()
        if server.is_stock and number == signal.SIGINT:
            pytest.skip("jupyter_server asks on the terminal")
        if server.is_stock and number == signal.SIGHUP:
            pytest.skip("jupyter_server leaves its kernels behind")
        sockets, pids = kernel_pids(server, 2)
        running = sockets[0].execute("print('working', flush=True)\nwhile True: pass")
        sockets[0].published("stream", running)
        server.process.send_signal(number)
        assert server.wait(5.0) == 0 or server.is_stock
        assert all(process_ended(pid) for pid in pids)

    @pytest.mark.stock_differs("it leaves its kernels behind", run=False)
    def test_closed_terminal_ends_server_and_kernels(self, tmp_path: Path) -> None:
        """As its shell and the system say it: twice, and with nobody left to print to."""
        terminal, other_end = pty.openpty()
        process = subprocess.Popen(
            [*server_command(), "--ServerApp.port=0"],
            env=isolated_environment(tmp_path, JUPYTER_TOKEN="token"),
            cwd=tmp_path,
            stdin=other_end,
            stdout=other_end,
            stderr=other_end,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(other_end)
        try:
            text = ""
            while "Ctrl-C" not in text:
                text += os.read(terminal, 4096).decode()
            url = urlsplit(next(line.strip() for line in text.splitlines() if "?token=" in line))
            created = requests.post(
                f"http://{url.netloc}/api/kernels",
                json={"name": "python3"},
                headers={"Authorization": "token token"},
                timeout=PATIENCE,
            )
            pid = created.json()["provisioner_info"]["pid"]
        finally:
            os.close(terminal)
        process.send_signal(signal.SIGHUP)
        assert process.wait(PATIENCE) == 0
        assert process_ended(pid)

    @pytest.mark.stock_differs("it cannot be stopped by a signal that it inherited as blocked", run=False)
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_signals_that_were_blocked_at_its_start_end_it(
        self, tmp_path: Path, number: signal.Signals
    ) -> None:
        command = ["env", "--block-signal", "--ignore-signal=CHLD,TERM", *server_command()]
        with Server(command, tmp_path) as server:
            sockets, pids = kernel_pids(server, 1)
            blocked = "import signal; print(*signal.pthread_sigmask(signal.SIG_BLOCK, []))"
            assert sockets[0].run(blocked).text() == "\n"
            server.process.send_signal(number)
            assert server.wait(PATIENCE) == 0
            assert process_ended(pids[0])

    @pytest.mark.stock_differs("it restarts such a kernel without a word")
    def test_sees_a_kernel_end_though_it_was_started_with_sigchld_ignored(self, tmp_path: Path) -> None:
        with Server(["env", "--ignore-signal=CHLD", *server_command()], tmp_path) as server:
            sockets, pids = kernel_pids(server, 1)
            os.kill(pids[0], signal.SIGKILL)
            sockets[0].status("restarting")
            assert "signal 9" in server.get("/api/kernels").json()[0]["reason"]

    def test_server_under_nohup_goes_on(self, start_server: ServerFactory) -> None:
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            server = start_server()
        finally:
            signal.signal(signal.SIGHUP, before)
        server.process.send_signal(signal.SIGHUP)
        with server.kernel() as kernel_id, Channels(server, kernel_id) as channels:
            assert channels.run("print('hello')").text() == "hello\n"

    @pytest.mark.stock_differs("it closes sockets with 1001 or not at all")
    def test_sockets_are_closed_so_that_jupyterlab_comes_back(self, start_server: ServerFactory) -> None:
        """To JupyterLab 1000 and 1001 are final: it would not reconnect to the next server."""
        server = start_server()
        kernel_id = server.start_kernel()["id"]
        v1, legacy = Channels(server, kernel_id, offered=[V1]), Channels(server, kernel_id, offered=[])
        v1.run("pass")
        server.process.send_signal(signal.SIGTERM)
        assert v1.wait_for_close() in {1011, 1012}
        assert legacy.wait_for_close() in {1011, 1012}

    @pytest.mark.stock_differs("it asks on the terminal", run=False)
    def test_a_second_signal_kills_kernels_that_do_not_end(self, start_server: ServerFactory) -> None:
        server = start_server(options=["--debug"])
        sockets, pids = kernel_pids(server, 1)
        deaf = sockets[0].execute(
            "import signal\n"
            "for number in (signal.SIGTERM, signal.SIGINT): signal.signal(number, signal.SIG_IGN)\n"
            "print('deaf', flush=True)\n"
            "while True: pass"
        )
        sockets[0].wait_for(lambda m: m.type == "stream" and m.parent == deaf, "its output")
        server.process.send_signal(signal.SIGINT)
        assert sockets[0].wait_for_close() == 1012
        server.process.send_signal(signal.SIGINT)
        assert server.wait(5.0) == 0
        assert process_ended(pids[0])

    def test_kernel_that_ignores_signals_is_ended_too(self, start_server: ServerFactory) -> None:
        server = start_server()
        sockets, pids = kernel_pids(server, 1)
        stubborn = sockets[0].execute(
            "import signal\n"
            "for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):\n"
            "    signal.signal(number, signal.SIG_IGN)\n"
            "print('deaf', flush=True)\n"
            "while True: pass"
        )
        sockets[0].published("stream", stubborn)
        server.process.send_signal(signal.SIGTERM)
        server.wait(5.0 if not server.is_stock else PATIENCE)
        assert all(process_ended(pid) for pid in pids)

    def test_children_of_a_kernel_end_with_it(self, start_server: ServerFactory) -> None:
        server = start_server()
        sockets, pids = kernel_pids(server, 1)
        child = int(
            sockets[0].run("import subprocess\nprint(subprocess.Popen(['sleep', '3600']).pid)").text()
        )
        server.process.send_signal(signal.SIGTERM)
        server.wait(5.0 if not server.is_stock else PATIENCE)
        assert process_ended(pids[0])
        assert process_ended(child)

    def test_kernels_that_are_still_starting_are_ended(self, start_server: ServerFactory) -> None:
        server = start_server()
        for _ in range(3):
            server.start_kernel()
        server.process.send_signal(signal.SIGTERM)
        assert server.wait(5.0 if not server.is_stock else PATIENCE) == 0 or server.is_stock
        assert not processes_of(server.home)

    def test_connection_files_are_private_and_removed(self, start_server: ServerFactory) -> None:
        server = start_server()
        kernel_pids(server, 1)
        files = connection_files(server)
        assert len(files) == 1
        assert files[0].stat().st_mode & 0o077 == 0
        assert json.loads(files[0].read_text())["key"]
        server.process.send_signal(signal.SIGTERM)
        server.wait(5.0 if not server.is_stock else PATIENCE)
        assert connection_files(server) == []

    @pytest.mark.stock_differs("its kernels notice by polling", run=False)
    def test_killed_server_that_does_not_adopt_leaves_no_kernels(self, start_server: ServerFactory) -> None:
        """Ipykernel watches its parent; nothing of ours may stand in the way of that."""
        server = start_server(options=["--no-adopt"])
        _, pids = kernel_pids(server, 1)
        os.kill(server.process.pid, signal.SIGKILL)
        server.wait()
        assert all(process_ended(pid) for pid in pids)


def connection_files(server: Server) -> list[Path]:
    """The connection files of the kernels of a server."""
    return [
        path
        for path in (server.home / "runtime").rglob("*.json")
        if not path.name.startswith(("jpserver", "nextgen"))
    ]
