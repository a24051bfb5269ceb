"""Options from the command line and from files to what they do, in servers that have many of them."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import websocket
from conftest import ServerFactory
from harness.channels import Channels
from harness.server import Server, server_command
from harness.waiting import PATIENCE, poll_until

pytestmark = pytest.mark.stock_differs("its limits and its log are others", run=False)

WITHOUT_EFFECT = [
    "--ServerApp.open_browser=False",
    "--ServerApp.allow_root=True",
    "--ServerApp.allow_external_kernels=True",
    "--ServerApp.kernel_ws_protocol=",
    "--MultiKernelManager.use_pending_kernels=True",
    "--MappingKernelManager.kernel_manager_class=jupyter_client.ioloop.AsyncIOLoopKernelManager",
    "--MappingKernelManager.untracked_message_types=[]",
    "--MultiKernelManager.shared_context=False",
    "--KernelManager.cache_ports=False",
    "--KernelManager.shell_port=5000",
    "--KernelRestarter.debug=True",
]
EXAMPLE = "https://notebooks.example"


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with every limit, and with options of Jupyter Server that mean nothing here."""
    options = [
        "--allow-root",
        *WITHOUT_EFFECT,
        "--MappingKernelManager.max_kernels=3",
        "--MappingKernelManager.max_kernels_per_user=1",
        "--ServerApp.max_websockets=1",
        "--ServerApp.max_body_size=2000",
        "--ServerApp.websocket_max_message_size=3000",
        f"--ServerApp.allow_origin={EXAMPLE}",
        "--ServerApp.local_hostnames=kernels.example",
        "--ServerApp.authenticate_prometheus=False",
        "--MappingKernelManager.cull_interval=0",
        "--MappingKernelManager.cull_idle_timeout=-1",
    ]
    home = tmp_path_factory.mktemp("limited")
    (home / "config").mkdir()
    pool = {"MappingKernelManager": {"pool": {"python3": 1}}}
    (home / "config" / "jupyter_nextgen_kernels_config.json").write_text(json.dumps(pool))
    with Server(server_command(), home, options=options) as server:
        yield server


def start_as(server: Server, username: str | None) -> requests.Response:
    """Ask for a kernel as Jupyter's gateway client does for a user."""
    env = {} if username is None else {"KERNEL_USERNAME": username}
    return server.post("/api/kernels", json={"name": "python3", "env": env})


def cookie_of(server: Server) -> str:
    """The cookie that a browser has after it came with the token."""
    with requests.Session() as session:
        session.get(f"{server.url}/?token={server.token}", timeout=PATIENCE)
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in session.cookies)


def status_for(server: Server, origin: str) -> int:
    """What a page of this origin is answered, in a browser that has the cookie."""
    headers = {"Cookie": cookie_of(server), "Origin": origin}
    return requests.get(f"{server.url}/api/status", headers=headers, timeout=PATIENCE).status_code


def test_options_without_effect_are_told(limited: Server) -> None:
    for option in WITHOUT_EFFECT:
        assert f"{option.partition('=')[0]} has no effect: " in limited.log
    assert limited.log.count("has no effect") == len(WITHOUT_EFFECT)
    assert "cull_interval must be more than 0: 300 is used" in limited.log


def test_a_pool_in_a_file_is_a_number(limited: Server) -> None:
    assert 'nextgen_kernels_pool_size{type="python3"} 1' in limited.get("/metrics").text


def test_kernels_of_each_and_of_all_are_counted(limited: Server) -> None:
    ids = [start_as(limited, name).json()["id"] for name in ("ada", None)]
    for refused in (
        start_as(limited, "ada"),
        start_as(limited, None),
        limited.post("/api/sessions", json={"path": "a.ipynb", "type": "notebook"}),
    ):
        assert refused.status_code in {403, 501}, refused.text
        assert "max_kernels_per_user" in refused.text
    ids.append(start_as(limited, "bob").json()["id"])
    full = start_as(limited, "eve")
    assert full.status_code == 403
    assert "MappingKernelManager.max_kernels)" in full.json()["message"]
    for kernel_id in ids:
        assert limited.delete(f"/api/kernels/{kernel_id}").status_code == 204


def test_websockets_and_what_they_carry_are_limited(limited: Server) -> None:
    with limited.kernel() as kernel_id:
        channels = Channels(limited, kernel_id)
        with pytest.raises(websocket.WebSocketBadStatusException, match="503"):
            Channels(limited, kernel_id)
        assert channels.run("print('x' * 2000)").text() == "x" * 2000 + "\n"
        channels.execute("#" * 3000)
        assert channels.wait_for_close() == 1009


def test_bodies_are_limited(limited: Server) -> None:
    path = "/api/nextgen/kernels/0-0-0-0-0/execute"
    assert limited.post(path, json={"code": "#" * 1000}).status_code == 404
    assert limited.post(path, json={"code": "#" * 2000}).status_code == 413


def test_hosts_and_origins(limited: Server) -> None:
    for host, status in (("kernels.example", 200), ("localhost", 403), ("evil.example", 403)):
        assert limited.get("/api", headers={"Host": host}).status_code == status, host
    assert status_for(limited, EXAMPLE) == 200
    assert status_for(limited, "https://evil.example") == 404
    shown = limited.get("/api", headers={"Origin": EXAMPLE})
    assert shown.headers["Access-Control-Allow-Origin"] == EXAMPLE
    shown = limited.get("/api", headers={"Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in shown.headers


def test_metrics_are_for_everybody(limited: Server, start_server: ServerFactory) -> None:
    assert requests.get(f"{limited.url}/metrics", timeout=PATIENCE).status_code == 200
    assert requests.get(f"{limited.url}/api/status", timeout=PATIENCE).status_code == 403
    other = start_server()
    assert requests.get(f"{other.url}/metrics", timeout=PATIENCE).status_code == 403


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the options that the limited one cannot have at the same time."""
    options = [
        "--ServerApp.max_connections=2",
        r"--ServerApp.allow_origin_pat=https://[a-z]+\.example",
        "--MappingKernelManager.allowed_message_types=kernel_info_request",
        "--ServerApp.disable_check_xsrf=True",
    ]
    with Server(server_command(), tmp_path_factory.mktemp("guarded"), options=options) as server:
        yield server


def test_origins_by_pattern(guarded: Server) -> None:
    assert status_for(guarded, EXAMPLE) == 200
    assert status_for(guarded, "https://evil.example.org") == 404


def test_a_client_takes_the_place_of_an_idle_one(guarded: Server) -> None:
    def connect_and_ask() -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("127.0.0.1", guarded.port, timeout=PATIENCE)
        connection.request("GET", "/api", headers=guarded.headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
        return connection

    connections = [connect_and_ask() for _ in range(3)]
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        connections[0].request("GET", "/api", headers=guarded.headers)
        connections[0].getresponse()
    for connection in connections:
        connection.close()


def test_xsrf_is_not_checked(guarded: Server) -> None:
    assert "ServerApp.disable_check_xsrf" in guarded.log
    headers = {"Cookie": cookie_of(guarded)}
    answer = requests.post(f"{guarded.url}/api/kernels", headers=headers, timeout=PATIENCE)
    assert answer.status_code == 201
    guarded.delete(f"/api/kernels/{answer.json()['id']}")


def test_other_types_of_messages_are_ignored(guarded: Server) -> None:
    with guarded.kernel() as kernel_id, Channels(guarded, kernel_id) as channels:
        channels.execute("print('never')")
        channels.reply_to(channels.send("kernel_info_request"))
        assert not [message for message in channels.fence() if message.content.get("text") == "never\n"]
        refused = guarded.post(f"/api/nextgen/kernels/{kernel_id}/execute", json={"code": "1"})
        assert refused.status_code == 403


def test_a_client_that_does_not_answer_pings_is_cut_off(start_server: ServerFactory) -> None:
    server = start_server(
        options=["--ServerApp.websocket_ping_interval=5", "--ServerApp.websocket_ping_timeout=1"]
    )
    with server.kernel() as kernel_id:
        channels = Channels(server, kernel_id)
        # So much that nothing more goes into the socket, pings neither.
        request = channels.execute("for _ in range(40):\n    print('x' * 500_000)\n'done'")
        channels.published("execute_input", request)
        poll_until(
            lambda: "nothing heard any more, closed" in server_log(server) or None, "the end of the silent"
        )


def server_log(server: Server) -> str:
    """The server's log file, which knows more than standard error."""
    return next((server.home / "runtime").glob("nextgen-kernels-*.log")).read_text()


def test_a_kernel_is_given_the_time_that_its_client_says(start_server: ServerFactory) -> None:
    server = start_server()
    directory = server.home / "data" / "kernels" / "mute"
    directory.mkdir(parents=True)
    spec: dict[str, Any] = {"argv": ["sleep", "600"], "display_name": "Mute", "language": "none"}
    (directory / "kernel.json").write_text(json.dumps(spec))
    body = {"name": "mute", "env": {"KERNEL_LAUNCH_TIMEOUT": "0.5"}}
    kernel_id = server.post("/api/kernels", json=body).json()["id"]
    dead = poll_until(
        lambda: model if (model := server.get(f"/api/kernels/{kernel_id}").json()).get("reason") else None,
        "the end of its patience",
    )
    assert dead["execution_state"] == "dead"
    assert "within 0.5 s" in dead["reason"]


def test_a_server_that_nobody_uses_ends(start_server: ServerFactory) -> None:
    server = start_server(options=["--ServerApp.shutdown_no_activity_timeout=3"])
    with server.kernel() as kernel_id, Channels(server, kernel_id) as channels:
        # Not while there is a kernel, whatever it does.
        assert channels.run("import time; time.sleep(4)").reply.content["status"] == "ok"
        assert server.process.poll() is None
    assert server.wait() == 0
    assert "shutdown_no_activity_timeout" in server_log(server)


@pytest.mark.parametrize(
    ("option", "advice"),
    [
        ("--MappingKernelManager.allow_tracebacks=False", "remove the option"),
        ("--KernelManager.transport_encryption=required", "KernelManager.transport to ipc"),
        ("--LocalProvisioner.registration=xpython=yes", "jupyter, kallichore or none"),
    ],
)
def test_what_cannot_be_done_is_refused(start_server: ServerFactory, option: str, advice: str) -> None:
    with pytest.raises(RuntimeError, match=advice):
        start_server(options=[option])


def test_a_socket_by_its_short_names(start_server: ServerFactory) -> None:
    with pytest.raises(RuntimeError, match=r"sock_mode: '99' are no permissions"):
        start_server(options=["--sock=kernels.sock", "--sock-mode=99"])
