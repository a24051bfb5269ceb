"""TLS, Unix-domain sockets, passwords, users and limits, as operators set them up."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import ssl
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
import websocket
from harness.channels import V1, Channels
from harness.server import Server, isolated_environment, server_command
from harness.waiting import poll_until

StartServer = Callable[..., Server]

pytestmark = pytest.mark.stock_differs("it is configured otherwise", run=False)

CERTIFICATE = [
    "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
]  # fmt: skip


def make_certificate(directory: Path, name: str = "server") -> tuple[Path, Path]:
    """A self-signed certificate for localhost, and its key."""
    certificate, key = directory / f"{name}.pem", directory / f"{name}.key"
    subprocess.run([*CERTIFICATE, "-out", certificate, "-keyout", key], check=True, capture_output=True)
    return certificate, key


def execute(url: str, home: Path, code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code with the server's own client."""
    return subprocess.run(
        [server_command()[0], "execute", "--url", url, code],
        env=isolated_environment(home, **environment),
        capture_output=True,
        text=True,
        timeout=120,
    )


def serve_in_vain(home: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Start a server that cannot start, and wait for its end."""
    return subprocess.run(
        [*server_command(), *options],
        env=isolated_environment(home),
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_tls_carries_rest_and_websockets(start_server: StartServer, tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    server = start_server(
        options=[
            f"--ServerApp.certfile={certificate}",
            f"--ServerApp.keyfile={key}",
            "--ServerApp.base_url=/k",
        ]
    )
    url = f"https://127.0.0.1:{server.port}/k"
    answer = requests.get(f"{url}/api", headers=server.headers, verify=str(certificate), timeout=60)
    assert answer.status_code == 200
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(f"{url}/api", headers=server.headers, timeout=60)

    printed = execute(
        f"{url}/?token={server.token}", tmp_path, "print('x' * 3_000_000)", SSL_CERT_FILE=str(certificate)
    )
    assert printed.returncode == 0, printed.stderr
    assert printed.stdout == "x" * 3_000_000 + "\n"
    refused = execute(f"{url}/?token={server.token}", tmp_path, "1")
    assert refused.returncode == 2
    assert "certificate verify failed" in refused.stderr
    assert "SSL_CERT_FILE" in refused.stderr
    # Plain HTTP finds nobody, and hurts nobody.
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.get(f"http://127.0.0.1:{server.port}/k/api", timeout=60)
    login = requests.get(f"{url}/login", verify=str(certificate), timeout=60)
    assert "; Secure;" in login.headers["Set-Cookie"]


def test_strangers_over_tls_who_read_nothing_make_room(start_server: StartServer, tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    server = start_server(
        options=[
            f"--ServerApp.certfile={certificate}",
            f"--ServerApp.keyfile={key}",
            "--ServerApp.max_connections=2",
        ]
    )
    context = ssl.create_default_context(cafile=str(certificate))
    strangers = []
    for _ in range(8):
        plain = socket.create_connection(("127.0.0.1", server.port), timeout=60)
        stranger = context.wrap_socket(plain, server_hostname="localhost")
        stranger.setblocking(False)
        with contextlib.suppress(ssl.SSLWantWriteError, ConnectionError):
            while True:
                stranger.send(b"GET /login HTTP/1.1\r\nHost: localhost\r\n\r\n" * 100)
        strangers.append(stranger)
    url = f"https://127.0.0.1:{server.port}/api/kernels"
    answer = requests.get(url, headers=server.headers, verify=str(certificate), timeout=20)
    assert answer.status_code == 200
    for stranger in strangers:
        stranger.close()


@pytest.mark.parametrize("transport", ["http", "https"])
@pytest.mark.parametrize("output", [0, 30_000_000])
def test_a_client_that_hangs_gives_its_place_to_another(
    start_server: StartServer, tmp_path: Path, transport: str, output: int
) -> None:
    options = ["--ServerApp.max_websockets=1", "--ServerApp.websocket_ping_interval=0.2"]
    context: dict[str, str] = {}
    if transport == "https":
        certificate, key = make_certificate(tmp_path)
        options += [f"--ServerApp.certfile={certificate}", f"--ServerApp.keyfile={key}"]
        context = {"ca_certs": str(certificate)}
    server = start_server(options=options)
    verify = context.get("ca_certs", True)
    root = f"{transport}://127.0.0.1:{server.port}/api"
    created = requests.post(f"{root}/kernels", headers=server.headers, verify=verify, timeout=60)
    kernel_id = created.json()["id"]

    def connect() -> websocket.WebSocket:
        return websocket.create_connection(
            f"{root.replace('http', 'ws', 1)}/kernels/{kernel_id}/channels",
            header=server.headers,
            subprotocols=[V1],
            sslopt=context,
            timeout=60,
        )

    def connect_if_there_is_room() -> websocket.WebSocket | None:
        try:
            return connect()
        except websocket.WebSocketBadStatusException as refused:
            assert refused.status_code == 503
            return None

    hanging = connect()  # It reads nothing, and so answers no ping.
    run = requests.post(
        f"{root}/nextgen/kernels/{kernel_id}/execute",
        json={"code": f"print('x' * {output})"},
        headers=server.headers,
        verify=verify,
        timeout=60,
    )
    assert run.json()["status"] == "ok"
    other = poll_until(connect_if_there_is_room, "that the hanging client was given up")
    other.close()
    hanging.shutdown()


def test_a_proxy_that_speaks_tls_says_so(start_server: StartServer) -> None:
    server = start_server(
        options=[
            "--ServerApp.trust_xheaders=True",
            "--IdentityProvider.cookie_options=samesite=Strict",
            "--IdentityProvider.cookie_options=max_age=60",
        ]
    )
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "198.51.100.1, 203.0.113.7"}
    page = requests.get(f"{server.url}/?token={server.token}", headers=forwarded, timeout=60)
    session = next(c for c in page.raw.headers.getlist("Set-Cookie") if c.startswith("username-"))
    assert session.endswith("; Max-Age=60; HttpOnly; SameSite=Strict; Secure; Path=/")
    login = requests.get(f"{server.url}/login", headers=forwarded, timeout=60)
    assert "; Secure;" in login.headers["Set-Cookie"]
    xsrf = login.headers["Set-Cookie"].split(";")[0]
    wrong = requests.post(
        f"{server.url}/login",
        data=f"{xsrf}&password=wrong",
        headers={**forwarded, "Cookie": xsrf},
        timeout=60,
    )
    assert wrong.status_code == 401
    assert "Somebody at 203.0.113.7 tried to log in" in server.log


def test_cookies_for_pages_of_named_sites(start_server: StartServer, tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    site = "https://lab.example"
    server = start_server(
        options=[
            f"--ServerApp.certfile={certificate}",
            f"--ServerApp.keyfile={key}",
            f"--ServerApp.allow_origin={site}",
            "--ServerApp.allow_credentials=true",
        ]
    )
    url = f"https://127.0.0.1:{server.port}"
    page = requests.get(f"{url}/?token={server.token}", verify=str(certificate), timeout=60)
    session = next(c for c in page.raw.headers.getlist("Set-Cookie") if c.startswith("username-"))
    assert "; SameSite=None; Secure;" in session
    # As a browser sends it along with what a page of the site asks.
    for origin, status in ((site, 201), ("https://evil.example", 404)):
        headers = {"Cookie": session.split(";")[0], "Origin": origin, "Sec-Fetch-Site": "cross-site"}
        asked = requests.post(f"{url}/api/kernels", headers=headers, verify=str(certificate), timeout=60)
        assert asked.status_code == status
        if status == 201:
            assert asked.headers["Access-Control-Allow-Origin"] == site
            assert asked.headers["Access-Control-Allow-Credentials"] == "true"


def test_a_renewed_certificate_is_used_without_a_restart(start_server: StartServer, tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    server = start_server(options=[f"--ServerApp.certfile={certificate}", f"--ServerApp.keyfile={key}"])

    def shown() -> str:
        return ssl.get_server_certificate(("127.0.0.1", server.port))

    before = shown()
    assert before.strip() == certificate.read_text().strip()
    renewed, renewed_key = make_certificate(tmp_path, "renewed")
    renewed_key.replace(key)
    renewed.replace(certificate)
    now = poll_until(lambda: pem if (pem := shown()) != before else None, "the renewed certificate")
    assert now.strip() == certificate.read_text().strip()


def test_clients_need_a_certificate_when_an_authority_is_named(
    start_server: StartServer, tmp_path: Path
) -> None:
    certificate, key = make_certificate(tmp_path)
    client, client_key = make_certificate(tmp_path, "client")
    server = start_server(
        options=[
            f"--ServerApp.certfile={certificate}",
            f"--ServerApp.keyfile={key}",
            f"--ServerApp.client_ca={client}",
        ]
    )
    url = f"https://127.0.0.1:{server.port}/api"
    with pytest.raises(requests.exceptions.RequestException):
        requests.get(url, headers=server.headers, verify=str(certificate), timeout=60)
    answer = requests.get(
        url, headers=server.headers, verify=str(certificate), cert=(str(client), str(client_key)), timeout=60
    )
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("content", "problem"),
    [("nonsense", "certfile"), (None, "there is no file")],
)
def test_a_certificate_that_cannot_be_used_is_explained(
    tmp_path: Path, content: str | None, problem: str
) -> None:
    path = tmp_path / "server.pem"
    if content is not None:
        path.write_text(content)
    ended = serve_in_vain(tmp_path, "--ServerApp.port=0", f"--ServerApp.certfile={path}")
    assert ended.returncode == 2
    assert problem in ended.stderr
    assert str(path) in ended.stderr


def test_the_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    certificate, _ = make_certificate(tmp_path)
    _, other_key = make_certificate(tmp_path, "other")
    ended = serve_in_vain(tmp_path, f"--ServerApp.certfile={certificate}", f"--ServerApp.keyfile={other_key}")
    assert ended.returncode == 2
    assert "it is not the key of the certificate" in ended.stderr


def serve_on_socket(path: Path, home: Path, *options: str) -> subprocess.Popen[str]:
    """A server on a Unix-domain socket; it prints no port that the usual harness could learn."""
    process = subprocess.Popen(
        [*server_command(), f"--ServerApp.sock={path}", *options],
        env=isolated_environment(home, JUPYTER_TOKEN="token-of-the-socket"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "http+unix://" in line:
            return process
    raise AssertionError("the server did not say its URL")


def test_unix_domain_socket_is_private_and_works(tmp_path: Path) -> None:
    path = tmp_path / "kernels.sock"
    url = f"http+unix://{str(path).replace('/', '%2F')}/?token=token-of-the-socket"
    # What a server left behind that was killed.
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    process = serve_on_socket(path, tmp_path)
    try:
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        printed = execute(url, tmp_path, "print(6 * 7)")
        assert printed.stdout == "42\n", printed.stderr
        second = serve_in_vain(tmp_path, f"--ServerApp.sock={path}")
        assert second.returncode == 2
        assert "is taken by another program" in second.stderr
    finally:
        process.terminate()
        assert process.wait(60) == 0
    assert not path.exists()


def hash_of(password: str, home: Path) -> str:
    """What `nextgen-kernels password` makes of it."""
    hashed = subprocess.run(
        [server_command()[0], "password"],
        input=password + "\n",
        env=isolated_environment(home),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert hashed.returncode == 0, hashed.stderr
    return hashed.stdout.strip()


def test_visual_studio_code_logs_in_with_a_password(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server(
        token="", options=[f"--IdentityProvider.hashed_password={hash_of('open sesame', tmp_path)}"]
    )
    # Its requests, one after the other.
    assert requests.get(f"{server.url}/hub/api", timeout=60).status_code != 200
    needs_password = requests.get(f"{server.url}/tree?", allow_redirects=False, timeout=60)
    assert needs_password.status_code != 200
    page = requests.get(f"{server.url}/login?", timeout=60)
    assert page.status_code == 200
    xsrf = page.cookies["_xsrf"]
    entered = requests.post(
        f"{server.url}/login?",
        data={"_xsrf": xsrf, "password": "open sesame"},
        headers={"Cookie": f"_xsrf={xsrf}"},
        allow_redirects=False,
        timeout=60,
    )
    assert entered.status_code == 302
    session = entered.headers["Set-Cookie"].split(";")[0]
    headers = {"Cookie": f"_xsrf={xsrf}; {session}", "X-XSRFToken": xsrf}
    assert requests.get(f"{server.url}/api/kernelspecs", headers=headers, timeout=60).status_code == 200
    created = requests.post(
        f"{server.url}/api/sessions",
        json={"path": "a.ipynb", "name": "a", "type": "notebook", "kernel": {"name": "python3"}},
        headers=headers,
        timeout=60,
    )
    assert created.status_code == 201, created.text
    kernel_id = created.json()["kernel"]["id"]
    channels = websocket.create_connection(
        f"ws://127.0.0.1:{server.port}/api/kernels/{kernel_id}/channels",
        header=headers,
        subprotocols=[V1],
        timeout=60,
    )
    assert channels.subprotocol == V1
    channels.close()
    without = {"Cookie": headers["Cookie"]}
    assert requests.post(f"{server.url}/api/kernels", headers=without, timeout=60).status_code == 403
    assert "open sesame" not in server.log


def users_file(home: Path) -> None:
    """Two people, and one who may only look, in the configuration."""
    users = [
        {"username": "ada", "token": "token-of-ada-0123456"},
        {"username": "eve", "token": "token-of-eve-0123456", "read_only": True, "all_kernels": True},
    ]
    config = home / "config"
    config.mkdir(parents=True)
    (config / "jupyter_nextgen_kernels_config.json").write_text(
        json.dumps({"IdentityProvider": {"users": users}})
    )


def test_who_may_only_look_sees_outputs_and_runs_nothing(start_server: StartServer, tmp_path: Path) -> None:
    users_file(tmp_path)
    server = start_server(environment={"JUPYTER_CONFIG_DIR": str(tmp_path / "config")})
    with server.kernel() as kernel_id:
        watcher = Channels(server, kernel_id, token="token-of-eve-0123456")
        with Channels(server, kernel_id) as own, watcher:
            refused = watcher.run("open('/tmp/never', 'w')")
            assert refused.reply.content["status"] == "error"
            assert refused.reply.content["ename"] == "PermissionError"
            assert "read-only" in refused.reply.content["evalue"]
            own.run("print('for all to see')")
            seen = watcher.wait_for(lambda message: message.content.get("text") == "for all to see\n")
            assert seen.type == "stream"
    assert "token-of-" not in server.log


def test_who_may_only_look_keeps_no_kernel_from_being_culled(
    start_server: StartServer, tmp_path: Path
) -> None:
    users_file(tmp_path)
    server = start_server(
        options=["--MappingKernelManager.cull_idle_timeout=2", "--MappingKernelManager.cull_interval=0.2"],
        environment={"JUPYTER_CONFIG_DIR": str(tmp_path / "config")},
    )
    kernel_id = server.start_kernel()["id"]
    with Channels(server, kernel_id, token="token-of-eve-0123456") as watcher:
        assert server.get(f"/api/kernels/{kernel_id}").json()["connections"] == 1
        assert watcher.wait_for_close() == 1000


def test_people_with_tokens_of_their_own_have_their_own_kernels(
    start_server: StartServer, tmp_path: Path
) -> None:
    users_file(tmp_path)
    server = start_server(environment={"JUPYTER_CONFIG_DIR": str(tmp_path / "config")})
    ada = {"Authorization": "token token-of-ada-0123456"}
    with server.kernel():
        assert server.get("/api/kernels", headers=ada).json() == []
    started = server.post("/api/kernels", headers=ada).json()
    answer = server.post(
        f"/api/nextgen/kernels/{started['id']}/execute",
        headers=ada,
        json={"code": "import os; print(os.environ['KERNEL_USERNAME'])"},
    )
    assert re.search(r"\bada\b", answer.text)
