"""The REST surface: models, status codes and error bodies, as Jupyter's clients rely on them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any

import pytest
import requests
from conftest import ServerFactory
from harness.channels import Channels
from harness.server import Server
from harness.waiting import PATIENCE, poll_until

#: jupyter_server's gateway client parses exactly this and fails on anything else.
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
UNKNOWN = "111-111-111-111-111"
POLICY = "frame-ancestors 'self'; report-uri /api/security/csp-report; default-src 'none'"

NOT_UTF8 = pytest.param(b'{"name": "\xff\xfe"}', marks=pytest.mark.stock_differs("500"), id="not UTF-8")

pytestmark = pytest.mark.usefixtures("server")


def check_kernel_model(model: dict[str, Any], name: str = "python3") -> None:
    """All five fields are mandatory: the gateway client indexes them without defaults."""
    assert UUID.fullmatch(model["id"]), model
    assert model["name"] == name
    assert TIMESTAMP.fullmatch(model["last_activity"]), model
    assert model["execution_state"] in {"starting", "idle", "busy", "restarting", "dead", "unknown"}
    assert isinstance(model["connections"], int)


def check_session_model(model: dict[str, Any], **expected: str) -> None:
    """JupyterLab refuses a whole list when one of these is not a string."""
    for field in ("id", "path", "name", "type"):
        assert isinstance(model[field], str), model
    for field, value in expected.items():
        assert model[field] == value
    check_kernel_model(model["kernel"])
    if model["type"] == "notebook":
        assert model["notebook"] == {"path": model["path"], "name": model["name"]}
    else:
        assert "notebook" not in model


def check_error(response: requests.Response, status: int, message: str | None = None) -> dict[str, Any]:
    """Errors of the API are JSON that JupyterLab and the gateway client can show."""
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"].startswith("application/json")
    body: dict[str, Any] = response.json()
    assert isinstance(body["message"], str)
    assert body["message"]
    if message is not None:
        # Where jupyter_server says no more than the status, ours goes on to say what to do.
        assert body["message"] == message or body["message"].startswith(f"{message}: ")
    return body


class TestServerInformation:
    """`/api` and `/api/status`."""

    def test_everybody_may_ask_for_the_version(self, server: Server) -> None:
        response = requests.get(f"{server.url}/api", timeout=PATIENCE)
        assert response.status_code == 200
        assert re.match(r"\d+\.\d+\.\d+", response.json()["version"])
        assert server.get("/api").json() == response.json()

    def test_status_counts_kernels(self, server: Server, kernel_id: str) -> None:
        status = server.get("/api/status").json()
        assert TIMESTAMP.fullmatch(status["started"])
        assert TIMESTAMP.fullmatch(status["last_activity"])
        assert status["kernels"] == len(server.get("/api/kernels").json())
        assert status["connections"] == 0

    def test_status_needs_token(self, server: Server) -> None:
        check_error(requests.get(f"{server.url}/api/status", timeout=PATIENCE), 403)

    def test_responses_carry_security_headers(self, server: Server) -> None:
        headers = server.get("/api/kernels").headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Security-Policy"] == POLICY
        assert headers["Content-Type"].startswith("application/json")

    def test_cache_buster_is_ignored(self, server: Server) -> None:
        assert server.get("/api/kernels?1763842000000").status_code == 200

    def test_trailing_slash_redirects(self, server: Server) -> None:
        response = server.get("/api/kernels/")
        assert response.status_code == 302
        assert response.headers["Location"] == "/api/kernels"

    def test_unknown_path_is_404(self, server: Server) -> None:
        assert server.get("/api/nonsense").status_code == 404

    def test_unsupported_method_is_405(self, server: Server) -> None:
        check_error(server.request("PUT", "/api/kernels"), 405)


class TestToken:
    """Every place in which a client may put the token."""

    @pytest.mark.parametrize("scheme", ["token", "Token", "Bearer", "bearer"])
    def test_header_schemes(self, server: Server, scheme: str) -> None:
        headers = {"Authorization": f"{scheme} {server.token}"}
        response = requests.get(f"{server.url}/api/kernels", headers=headers, timeout=PATIENCE)
        assert response.status_code == 200

    def test_query(self, server: Server) -> None:
        response = requests.get(f"{server.url}/api/kernels?token={server.token}", timeout=PATIENCE)
        assert response.status_code == 200

    def test_cookie_after_first_visit(self, server: Server) -> None:
        browser = requests.Session()
        assert browser.get(f"{server.url}/?token={server.token}", timeout=PATIENCE).status_code == 200
        assert server.token not in "".join(cookie.value or "" for cookie in browser.cookies)
        assert browser.get(f"{server.url}/api/kernels", timeout=PATIENCE).status_code == 200

    def test_cookie_is_http_only(self, server: Server) -> None:
        response = requests.get(f"{server.url}/?token={server.token}", timeout=PATIENCE)
        login = [line for line in response.raw.headers.getlist("Set-Cookie") if "_xsrf=" not in line]
        assert login
        assert all("httponly" in line.lower() for line in login)

    def test_forged_cookie_is_refused(self, server: Server) -> None:
        browser = requests.Session()
        browser.get(f"{server.url}/?token={server.token}", timeout=PATIENCE)
        forged = {cookie.name: f"{cookie.value}x" for cookie in browser.cookies}
        response = requests.get(f"{server.url}/api/kernels", cookies=forged, timeout=PATIENCE)
        assert response.status_code == 403

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"Authorization": "token wrong"},
            {"Authorization": "token"},
            {"Authorization": "token "},
            {"Authorization": "Basic dXNlcjpwYXNz"},
        ],
        ids=["none", "wrong", "bare", "empty", "basic"],
    )
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "/api/kernels"),
            ("POST", "/api/kernels"),
            ("GET", f"/api/kernels/{UNKNOWN}"),
            ("DELETE", f"/api/kernels/{UNKNOWN}"),
            ("POST", f"/api/kernels/{UNKNOWN}/interrupt"),
            ("POST", f"/api/kernels/{UNKNOWN}/restart"),
            ("GET", "/api/kernelspecs"),
            ("GET", "/api/kernelspecs/python3"),
            ("GET", "/api/sessions"),
            ("POST", "/api/sessions"),
            ("DELETE", f"/api/sessions/{UNKNOWN}"),
        ],
    )
    def test_refused_without_the_right_one(
        self, server: Server, method: str, path: str, headers: dict[str, str]
    ) -> None:
        response = requests.request(method, server.url + path, headers=headers, timeout=PATIENCE)
        # jupyter_server checks XSRF first where something changes, and says so.
        check_error(response, 403, "Forbidden" if method == "GET" else None)

    def test_prefix_of_the_token_is_refused(self, server: Server) -> None:
        headers = {"Authorization": f"token {server.token[:-1]}"}
        response = requests.get(f"{server.url}/api/kernels", headers=headers, timeout=PATIENCE)
        check_error(response, 403)

    def test_resources_need_it_too(self, server: Server) -> None:
        response = requests.get(
            f"{server.url}/kernelspecs/python3/logo-64x64.png", timeout=PATIENCE, allow_redirects=False
        )
        assert response.status_code in {302, 403}

    def test_is_never_logged(self, start_server: ServerFactory) -> None:
        server = start_server(options=["--debug"])
        requests.get(f"{server.url}/api/kernels?token={server.token}", timeout=PATIENCE)
        requests.get(f"{server.url}/api/nonsense?token={server.token}", timeout=PATIENCE)
        server.stop()
        # The URL for people to click, on standard output, is the one place where it belongs.
        assert server.token not in "".join(server.stderr)

    def test_option_sets_it(self, start_server: ServerFactory) -> None:
        token = "from-the-command-line"
        server = start_server(options=[f"--IdentityProvider.token={token}"])
        headers = {"Authorization": f"token {token}"}
        assert requests.get(f"{server.url}/api/kernels", headers=headers, timeout=PATIENCE).ok
        assert requests.get(f"{server.url}/api/kernels", timeout=PATIENCE).status_code == 403


class TestCrossOrigin:
    """What a browser on another site may do."""

    @pytest.mark.parametrize("path", ["/api/kernels", "/api/sessions", f"/api/kernels/{UNKNOWN}"])
    def test_options_needs_no_token(self, server: Server, path: str) -> None:
        response = requests.options(server.url + path, timeout=PATIENCE)
        assert response.status_code in {200, 204}
        allowed = response.headers["Access-Control-Allow-Headers"]
        assert allowed == "accept, content-type, authorization, x-xsrftoken"
        methods = response.headers["Access-Control-Allow-Methods"]
        assert methods == "GET, PUT, POST, PATCH, DELETE, OPTIONS"

    def test_foreign_host_is_refused(self, server: Server) -> None:
        """A loopback server answers to loopback names only: DNS rebinding."""
        assert server.get("/api/kernels", headers={"Host": "evil.example"}).status_code == 403

    def test_foreign_origin_with_a_cookie_is_refused(self, server: Server) -> None:
        browser = requests.Session()
        browser.get(f"{server.url}/?token={server.token}", timeout=PATIENCE)
        response = browser.get(
            f"{server.url}/api/kernels", headers={"Origin": "http://evil.example"}, timeout=PATIENCE
        )
        assert response.status_code == 404

    def test_cookie_alone_cannot_change_anything(self, server: Server) -> None:
        """A form on another site is sent with the cookie: XSRF."""
        browser = requests.Session()
        browser.get(f"{server.url}/?token={server.token}", timeout=PATIENCE)
        response = browser.post(f"{server.url}/api/kernels", timeout=PATIENCE)
        assert response.status_code == 403


class TestKernels:
    """`/api/kernels`."""

    def test_life(self, server: Server) -> None:
        created = server.post("/api/kernels", json={"name": "python3", "path": None})
        assert created.status_code == 201
        model = created.json()
        check_kernel_model(model)
        path = f"/api/kernels/{model['id']}"
        assert created.headers["Location"] == path

        fetched = server.get(path)
        assert fetched.status_code == 200
        check_kernel_model(fetched.json())
        assert [kernel["id"] for kernel in server.get("/api/kernels").json()] == [model["id"]]

        with Channels(server, model["id"]) as channels:
            channels.run("pass")
        interrupted = server.post(f"{path}/interrupt", json={})
        assert (interrupted.status_code, interrupted.text) == (204, "")

        restarted = server.post(f"{path}/restart")
        assert restarted.status_code == 200
        check_kernel_model(restarted.json())
        assert restarted.json()["id"] == model["id"]

        deleted = server.delete(path)
        assert (deleted.status_code, deleted.text) == (204, "")
        check_error(server.get(path), 404, f"Kernel does not exist: {model['id']}")
        assert server.get("/api/kernels").json() == []

    def test_empty_body_starts_the_default(self, server: Server) -> None:
        response = server.post("/api/kernels")
        check_kernel_model(response.json())
        assert server.delete(f"/api/kernels/{response.json()['id']}").status_code == 204

    @pytest.mark.stock_differs("it learns the state from a WebSocket", run=False)
    def test_becomes_idle_by_itself(self, server: Server, kernel_id: str) -> None:
        """Nobody has to connect before a kernel is known to be ready."""
        states = poll_until(
            lambda: server.get(f"/api/kernels/{kernel_id}").json()["execution_state"] == "idle" or None,
            "the state idle",
        )
        assert states

    def test_id_may_be_chosen(self, server: Server) -> None:
        chosen = "0dd2ab0d-5c2c-4a8f-a7a5-4f8b7a6c2f11"
        try:
            response = server.post("/api/kernels", json={"name": "python3", "kernel_id": chosen})
            assert response.status_code == 201
            assert response.json()["id"] == chosen
        finally:
            server.delete(f"/api/kernels/{chosen}")

    @pytest.mark.parametrize(
        ("method", "action"),
        [
            ("GET", ""),
            ("DELETE", ""),
            ("POST", "/interrupt"),
            pytest.param(
                "POST", "/restart", marks=pytest.mark.stock_differs("500 'Exception restarting kernel'")
            ),
        ],
    )
    def test_unknown_id_is_404(self, server: Server, method: str, action: str) -> None:
        response = server.request(method, f"/api/kernels/{UNKNOWN}{action}")
        check_error(response, 404, f"Kernel does not exist: {UNKNOWN}")

    def test_id_of_another_form_is_404(self, server: Server) -> None:
        assert server.get("/api/kernels/nope").status_code == 404

    def test_unknown_action_is_404(self, server: Server, kernel_id: str) -> None:
        assert server.post(f"/api/kernels/{kernel_id}/explode").status_code == 404

    @pytest.mark.parametrize("body", ["{bad", '{"name": "python3"', "\x00", '"python3', NOT_UTF8])
    def test_invalid_json_is_400(self, server: Server, body: str | bytes) -> None:
        check_error(server.post("/api/kernels", data=body), 400, "Invalid JSON in body of request")

    @pytest.mark.stock_differs("500 'Unhandled error', or a kernel started all the same")
    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ([1], None),
            ("python3", None),
            (7, None),
            ({"name": 3}, "name"),
            ({"name": ["python3"]}, "name"),
            ({"name": "python3", "path": 3}, "path"),
            ({"name": "python3", "env": 3}, "env"),
            ({"name": "python3", "env": {"A": 1}}, "env"),
            ({"name": "python3", "kernel_id": 3}, "kernel_id"),
        ],
    )
    def test_wrong_types_are_400(self, server: Server, body: Any, field: str | None) -> None:
        before = len(server.get("/api/kernels").json())
        message = check_error(server.post("/api/kernels", json=body), 400)["message"]
        assert field is None or field in message
        assert len(server.get("/api/kernels").json()) == before

    @pytest.mark.stock_differs("500 'Unhandled error'")
    def test_unknown_spec_names_it_and_what_there_is(self, server: Server) -> None:
        response = server.post("/api/kernels", json={"name": "pyhton3"})
        assert 400 <= response.status_code < 500
        message = check_error(response, response.status_code)["message"]
        assert "pyhton3" in message
        assert "python3" in message

    @pytest.mark.stock_differs("reason is null")
    def test_reason_is_always_a_string(self, server: Server) -> None:
        assert check_error(server.get(f"/api/kernels/{UNKNOWN}"), 404)["reason"]
        response = requests.get(f"{server.url}/api/kernels", timeout=PATIENCE)
        assert check_error(response, 403)["reason"] == "Forbidden"


class TestKernelSpecs:
    """`/api/kernelspecs` and the files of a spec."""

    def test_list(self, server: Server) -> None:
        response = server.get("/api/kernelspecs")
        assert response.status_code == 200
        body = response.json()
        assert body["default"] == "python3"
        specification = body["kernelspecs"]["python3"]
        assert specification["name"] == "python3"
        spec = specification["spec"]
        assert spec["language"] == "python"
        assert spec["display_name"] == "Python 3 (ipykernel)"
        assert "{connection_file}" in spec["argv"]
        assert spec["interrupt_mode"] == "signal"
        assert isinstance(spec["env"], dict)
        assert isinstance(spec["metadata"], dict)
        assert specification["resources"] == {
            "logo-32x32": "/kernelspecs/python3/logo-32x32.png",
            "logo-64x64": "/kernelspecs/python3/logo-64x64.png",
            "logo-svg": "/kernelspecs/python3/logo-svg.svg",
        }

    def test_one(self, server: Server) -> None:
        listed = server.get("/api/kernelspecs").json()["kernelspecs"]["python3"]
        assert server.get("/api/kernelspecs/python3").json() == listed

    def test_unknown_is_404(self, server: Server) -> None:
        check_error(server.get("/api/kernelspecs/nope"), 404, "Kernel spec nope not found")

    def test_resources(self, server: Server) -> None:
        resources = server.get("/api/kernelspecs/python3").json()["resources"]
        logo = server.get(resources["logo-64x64"])
        assert logo.status_code == 200
        assert logo.headers["Content-Type"] == "image/png"
        assert logo.content.startswith(b"\x89PNG")
        drawing = server.get(resources["logo-svg"])
        assert drawing.headers["Content-Type"].startswith("image/svg+xml")
        assert b"<svg" in drawing.content

    def test_resource_head_has_length_and_no_body(self, server: Server) -> None:
        path = "/kernelspecs/python3/logo-64x64.png"
        head = server.request("HEAD", path)
        assert head.status_code == 200
        assert head.content == b""
        assert int(head.headers["Content-Length"]) == len(server.get(path).content)

    def test_resource_is_revalidated(self, server: Server) -> None:
        path = "/kernelspecs/python3/logo-64x64.png"
        first = server.get(path)
        again = server.get(path, headers={"If-None-Match": first.headers["ETag"]})
        assert again.status_code == 304
        assert again.content == b""

    @pytest.mark.parametrize(
        "path",
        [
            "/kernelspecs/python3/nope.png",
            "/kernelspecs/nope/logo-64x64.png",
            "/kernelspecs/python3/..%2f..%2f..%2f..%2fpyvenv.cfg",
            "/kernelspecs/python3/%2e%2e/%2e%2e/%2e%2e/%2e%2e/pyvenv.cfg",
            "/kernelspecs/..%2fpython3/kernel.json",
            "/kernelspecs/python3/%2fetc%2fpasswd",
            pytest.param(
                "/kernelspecs/python3/logo-64x64.png%00.txt", marks=pytest.mark.stock_differs("500")
            ),
        ],
    )
    def test_nothing_outside_the_spec_is_served(self, server: Server, path: str) -> None:
        # http.client sends the path as it stands; requests would resolve the dots.
        connection = HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        connection.request("GET", path, headers=server.headers)
        assert connection.getresponse().status in {400, 403, 404}
        connection.close()

    def test_broken_spec_does_not_hide_the_others(self, start_server: ServerFactory) -> None:
        server = start_server()
        broken = server.home / "data" / "kernels" / "broken"
        broken.mkdir(parents=True)
        (broken / "kernel.json").write_text('{"display_name": "Broken"')
        no_argv = server.home / "data" / "kernels" / "noargv"
        no_argv.mkdir(parents=True)
        (no_argv / "kernel.json").write_text('{"display_name": "No argv", "language": "none"}')

        specs = server.get("/api/kernelspecs").json()["kernelspecs"]
        assert "python3" in specs
        assert "broken" not in specs
        check_error(server.get("/api/kernelspecs/broken"), server.get("/api/kernelspecs/broken").status_code)


class TestKernelsThatDoNotStart:
    """The user gets to know why."""

    @pytest.fixture
    def server_with_specs(self, start_server: ServerFactory) -> Server:
        server = start_server()
        kernels = server.home / "data" / "kernels"
        for name, argv in {
            "missing": '["/does/not/exist/kernel", "{connection_file}"]',
            "exits": '["/bin/sh", "-c", "echo the reason it failed >&2; exit 3", "{connection_file}"]',
        }.items():
            (kernels / name).mkdir(parents=True)
            (kernels / name / "kernel.json").write_text(
                f'{{"argv": {argv}, "display_name": "{name}", "language": "none"}}'
            )
        return server

    @pytest.mark.stock_differs("500 'Unhandled error'")
    def test_executable_not_found(self, server_with_specs: Server) -> None:
        response = server_with_specs.post("/api/kernels", json={"name": "missing"})
        assert response.status_code >= 400
        assert "/does/not/exist/kernel" in check_error(response, response.status_code)["message"]
        assert server_with_specs.get("/api/kernels").json() == []

    @pytest.mark.stock_differs("tries again in silence")
    def test_kernel_that_exits_at_once_says_what_it_printed(self, server_with_specs: Server) -> None:
        response = server_with_specs.post("/api/kernels", json={"name": "exits"})
        if response.status_code == 201:
            path = f"/api/kernels/{response.json()['id']}"

            def dead() -> dict[str, Any] | None:
                model: dict[str, Any] = server_with_specs.get(path).json()
                return model if model["execution_state"] == "dead" else None

            assert "the reason it failed" in poll_until(dead, "the state dead")["reason"]
        else:
            message = check_error(response, response.status_code)["message"]
            assert "the reason it failed" in message


class TestSessions:
    """`/api/sessions`."""

    @pytest.fixture
    def session(self, server: Server) -> Iterator[dict[str, Any]]:
        """A notebook session with a kernel; ended afterwards."""
        response = server.post(
            "/api/sessions",
            json={"path": "work/a.ipynb", "type": "notebook", "name": "a", "kernel": {"name": "python3"}},
        )
        assert response.status_code == 201
        yield response.json()
        server.delete(f"/api/sessions/{response.json()['id']}")

    def test_life(self, server: Server) -> None:
        assert server.get("/api/sessions").json() == []
        created = server.post(
            "/api/sessions",
            json={"path": "life.ipynb", "type": "notebook", "name": "life", "kernel": {"name": "python3"}},
        )
        assert created.status_code == 201
        model = created.json()
        check_session_model(model, path="life.ipynb", name="life", type="notebook")
        path = f"/api/sessions/{model['id']}"
        assert created.headers["Location"] == path
        assert server.get(path).json()["id"] == model["id"]
        assert [session["id"] for session in server.get("/api/sessions").json()] == [model["id"]]
        kernel = model["kernel"]["id"]
        assert server.get(f"/api/kernels/{kernel}").status_code == 200

        deleted = server.delete(path)
        assert (deleted.status_code, deleted.text) == (204, "")
        assert server.get("/api/sessions").json() == []
        check_error(server.get(f"/api/kernels/{kernel}"), 404)
        check_error(server.get(path), 404, f"Session not found: session_id='{model['id']}'")
        check_error(server.delete(path), 404, f"Session not found: session_id='{model['id']}'")

    def test_same_path_gives_the_same_session(self, server: Server, session: dict[str, Any]) -> None:
        again = server.post("/api/sessions", json={"path": "work/a.ipynb", "type": "notebook", "name": "x"})
        assert again.status_code == 201
        assert again.json()["id"] == session["id"]
        assert again.json()["kernel"]["id"] == session["kernel"]["id"]

    @pytest.mark.stock_differs("two kernels for one notebook (jupyter_server#197)")
    def test_concurrent_starts_of_one_path_give_one_kernel(self, server: Server) -> None:
        body = {"path": "race.ipynb", "type": "notebook", "name": "race", "kernel": {"name": "python3"}}
        with ThreadPoolExecutor(4) as threads:
            replies = list(threads.map(lambda _: server.post("/api/sessions", json=body).json(), range(4)))
        try:
            assert len({reply["id"] for reply in replies}) == 1
            assert len({reply["kernel"]["id"] for reply in replies}) == 1
        finally:
            for session in {reply["id"] for reply in replies}:
                server.delete(f"/api/sessions/{session}")

    def test_existing_kernel_is_attached(self, server: Server, kernel_id: str) -> None:
        response = server.post(
            "/api/sessions",
            json={"path": "attached", "type": "console", "name": "", "kernel": {"id": kernel_id}},
        )
        assert response.status_code == 201
        check_session_model(response.json(), type="console")
        assert response.json()["kernel"]["id"] == kernel_id

    @pytest.mark.stock_differs("name is null, on which JupyterLab drops the whole list")
    def test_name_is_never_null(self, server: Server, kernel_id: str) -> None:
        response = server.post(
            "/api/sessions", json={"path": "nameless", "type": "console", "kernel": {"id": kernel_id}}
        )
        assert response.json()["name"] == ""
        for model in server.get("/api/sessions").json():
            check_session_model(model)

    @pytest.mark.stock_differs("name is null")
    def test_deprecated_notebook_form(self, server: Server) -> None:
        response = server.post("/api/sessions", json={"notebook": {"path": "old.ipynb"}})
        assert response.status_code == 201
        check_session_model(response.json(), path="old.ipynb", type="notebook")
        server.delete(f"/api/sessions/{response.json()['id']}")

    def test_rename(self, server: Server, session: dict[str, Any]) -> None:
        response = server.patch(
            f"/api/sessions/{session['id']}", json={"path": "work/b.ipynb", "name": "b", "type": "notebook"}
        )
        assert response.status_code == 200
        check_session_model(response.json(), path="work/b.ipynb", name="b")
        assert response.json()["kernel"]["id"] == session["kernel"]["id"]

    def test_kernel_changes_by_name_and_ends_the_old(self, server: Server, session: dict[str, Any]) -> None:
        response = server.patch(
            f"/api/sessions/{session['id']}", json={"kernel": {"id": None, "name": "python3"}}
        )
        assert response.status_code == 200
        check_session_model(response.json(), path="work/a.ipynb")
        assert response.json()["kernel"]["id"] != session["kernel"]["id"]
        check_error(server.get(f"/api/kernels/{session['kernel']['id']}"), 404)

    def test_kernel_changes_by_id(self, server: Server, session: dict[str, Any], kernel_id: str) -> None:
        response = server.patch(
            f"/api/sessions/{session['id']}", json={"kernel": {"id": kernel_id, "name": None}}
        )
        assert response.status_code == 200
        assert response.json()["kernel"]["id"] == kernel_id

    def test_session_whose_kernel_is_gone_is_not_listed(self, server: Server) -> None:
        model = server.post(
            "/api/sessions", json={"path": "gone.ipynb", "type": "notebook", "name": "gone"}
        ).json()
        assert server.delete(f"/api/kernels/{model['kernel']['id']}").status_code == 204
        assert model["id"] not in [session["id"] for session in server.get("/api/sessions").json()]

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            ("", "No JSON data provided"),
            ("{bad", "Invalid JSON in body of request"),
            ("{}", "Missing field in JSON data: path"),
            ('{"type": "notebook"}', "Missing field in JSON data: path"),
            ('{"path": "x.ipynb"}', "Missing field in JSON data: type"),
        ],
    )
    def test_bad_bodies_are_400(self, server: Server, body: str, message: str) -> None:
        check_error(server.post("/api/sessions", data=body), 400, message)

    @pytest.mark.stock_differs("500 'Unhandled error'")
    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ([], None),
            ({"path": 3, "type": "notebook"}, "path"),
            ({"path": "x", "type": 3}, "type"),
            ({"path": "x", "type": "notebook", "name": 3}, "name"),
            ({"path": "x", "type": "notebook", "kernel": 3}, "kernel"),
            ({"path": "x", "type": "notebook", "kernel": {"name": 3}}, "name"),
            ({"path": "x", "type": "notebook", "kernel": {"id": 3}}, "id"),
        ],
    )
    def test_wrong_types_are_400(self, server: Server, body: Any, field: str | None) -> None:
        message = check_error(server.post("/api/sessions", json=body), 400)["message"]
        assert field is None or field in message
        assert server.get("/api/sessions").json() == []

    def test_unknown_spec_is_501_with_a_short_message(self, server: Server) -> None:
        response = server.post(
            "/api/sessions", json={"path": "z.ipynb", "type": "notebook", "kernel": {"name": "nonesuch"}}
        )
        body = check_error(
            response,
            501,
            "The 'nonesuch' kernel is not available. Please pick another suitable kernel instead, "
            "or install that kernel.",
        )
        assert body["short_message"] == "nonesuch not found"

    def test_patch_without_body_is_400(self, server: Server, session: dict[str, Any]) -> None:
        check_error(server.patch(f"/api/sessions/{session['id']}"), 400, "No JSON data provided")

    def test_patch_to_unknown_kernel_is_400(self, server: Server, session: dict[str, Any]) -> None:
        response = server.patch(f"/api/sessions/{session['id']}", json={"kernel": {"id": UNKNOWN}})
        check_error(response, 400, f"No such kernel: {UNKNOWN}")

    @pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
    def test_unknown_id_is_404(self, server: Server, method: str) -> None:
        response = server.request(method, f"/api/sessions/{UNKNOWN}", json={"name": "x"})
        check_error(response, 404, f"Session not found: session_id='{UNKNOWN}'")


class TestTransport:
    """Below JSON: HTTP itself."""

    def test_connection_is_kept(self, server: Server) -> None:
        with requests.Session() as client:
            client.headers.update(server.headers)
            for _ in range(20):
                assert client.get(f"{server.url}/api/kernels", timeout=PATIENCE).status_code == 200

    def test_error_keeps_the_connection_usable(self, server: Server) -> None:
        with requests.Session() as client:
            client.headers.update(server.headers)
            assert client.post(f"{server.url}/api/kernels", data="{bad", timeout=PATIENCE).status_code == 400
            assert client.get(f"{server.url}/api/kernels", timeout=PATIENCE).status_code == 200

    def test_chunked_body_is_read(self, server: Server) -> None:
        response = server.post("/api/kernels", data=iter([b'{"name": ', b'"python3"}']))
        assert response.status_code == 201
        server.delete(f"/api/kernels/{response.json()['id']}")
