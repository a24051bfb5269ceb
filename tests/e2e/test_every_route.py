"""Every route with odd parameters: each request is answered, and none with a 500."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from itertools import product
from urllib.parse import quote

import pytest
from harness.server import REPOSITORY, Server
from harness.waiting import PATIENCE

#: Values that a parameter of the query or the path may be given, percent-encoded.
ODD_VALUES = [
    "",
    "x",
    "%00",
    "%FF",
    "%F0%9F%98%80",
    "..",
    "%2e%2e%2fx",
    "a:b",
    ":",
    "a:",
    "-1",
    "0",
    "18446744073709551616",
    "1e400",
    "%7B",
    "%5B%5D",
    "null",
    "a" * 5000,
]

#: Values of a field of a JSON body.
ODD_JSON = [
    "null",
    "true",
    "-1",
    "1e400",
    "18446744073709551616",
    '""',
    '"x"',
    '"\\u0000"',
    '"\\ud800"',
    '"' + "a/" * 5000 + '"',
    "[]",
    "[null]",
    "{}",
    '{"": ""}',
    '{"name": null, "id": [], "A=B": "C"}',
    "[" * 300 + "]" * 300,
]

#: Whole bodies.
ODD_BODIES = [
    b"",
    b"null",
    b"[]",
    b'"text"',
    b"{",
    b"\xff\xfe",
    b'{"name": "x", "name": "y"}',
    b"[" * 100_000,
    b'{"a":' * 5000 + b"1" + b"}" * 5000,
    b"password=&password=x&_xsrf=&username=",
]

#: What starts no kernel and runs no code.
HARMLESS_FIELDS = {"name": "absent", "kernel": {"name": "absent"}, "code": None, "path": "", "type": "file"}
HARMLESS_BODY = json.dumps(HARMLESS_FIELDS).encode()

_SOURCES = sorted((REPOSITORY / "src").rglob("*_handlers.cpp"))
_VERBS = {"get": "GET", "post": "POST", "put": "PUT", "patch": "PATCH", "delete_": "DELETE"}


def routes_of_the_sources() -> set[tuple[str, str]]:
    """Methods and patterns that the handlers add to the router."""
    found = set()
    for source in _SOURCES:
        for verb, pattern in re.findall(r'\.add\(\s*(?:http::verb::)?(\w+),\s*"([^"]+)"', source.read_text()):
            found.add((_VERBS[verb], pattern))
    return found


def documented_routes() -> set[tuple[str, str]]:
    """Methods and paths in the first column of the tables of docs/operators/rest-api.md."""
    text = (REPOSITORY / "docs" / "operators" / "rest-api.md").read_text()
    return set(re.findall(r"^\| `([A-Z]+) (/[^`? ]*)", text, re.MULTILINE))


def names_of_parameters() -> list[str]:
    """The parameters of the query that some handler looks at."""
    names = set()
    for source in sorted((REPOSITORY / "src").rglob("*.cpp")):
        names |= set(re.findall(r'query_value\("(\w+)"\)', source.read_text()))
    return sorted(names | {"since", "limit", "parent", "cell"})


def names_of_fields() -> list[str]:
    """The fields of bodies that the documentation names."""
    text = (REPOSITORY / "docs" / "operators" / "rest-api.md").read_text()
    rows = re.findall(r"^\| `(?:POST|PUT|PATCH) [^\n]*", text, re.MULTILINE)
    return sorted({name for row in rows for name in re.findall(r"\b[a-z_]{2,}\b", row)})


def placeholder_free(pattern: str) -> str:
    """The pattern as the documentation writes it."""
    return re.sub(r"\{(?:kernel|session)_id\}", "{id}", pattern).replace("...}", "}")


class Client:
    """One connection at a time, made anew when the server ends it; remembers what was answered with a 500."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._connection: HTTPConnection | None = None
        self.failures: list[str] = []
        self.requests = 0

    def ask(self, method: str, target: str, body: bytes | None = None) -> None:
        """Send one request; it must be answered, by anything but a 500."""
        response = self._exchange(method, target, body)
        self.requests += 1
        if response.status == 500:
            self.failures.append(f"{method} {target[:200]} {(body or b'')[:200]!r}")

    def _exchange(self, method: str, target: str, body: bytes | None) -> HTTPResponse:
        if self._connection is None:
            self._connection = HTTPConnection(self._server.host, self._server.port, timeout=PATIENCE)
        self._connection.request(method, target, body, self._server.headers)
        response = self._connection.getresponse()
        response.read()
        if response.getheader("Connection", "").lower() == "close" or response.status == 101:
            self._connection.close()
            self._connection = None
        return response


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    """A client whose every request was answered, none with a 500, by a server that still runs."""
    asking = Client(server)
    yield asking
    assert asking.requests > 0
    assert asking.failures == []
    assert server.process.poll() is None
    assert server.get("/api/status").status_code == 200


def targets(server: Server, pattern: str) -> list[str]:
    """The pattern's path with ids that are there, and with odd ones in their place."""
    kernel = server.get("/api/kernels").json()[0]["id"]
    known = {"kernel_id": kernel, "name": "python3", "file...": "logo-64x64.png", "file": "page.js"}
    names = re.findall(r"\{([^}]+)\}", pattern)
    paths = [re.sub(r"\{([^}]+)\}", lambda name: known.get(name[1], "x"), pattern)]
    for name, odd in product(names, ODD_VALUES):
        values = known | {name: odd}
        paths.append(re.sub(r"\{([^}]+)\}", lambda found, values=values: values.get(found[1], "x"), pattern))
    return paths


#: But for the one that ends the server.
ROUTES = sorted(
    (routes_of_the_sources() | {("GET", "/"), ("GET", "/tree"), ("GET", "/lab")})
    - {("POST", "/api/shutdown")}
)


def test_every_route_is_documented_and_nothing_else_is() -> None:
    in_sources = {(method, placeholder_free(pattern)) for method, pattern in routes_of_the_sources()}
    assert len(in_sources) > 30
    assert in_sources - documented_routes() == set()
    assert documented_routes() - in_sources == {("GET", "/")}


@pytest.fixture(scope="module")
def server_with_kernel(server: Server) -> Iterator[Server]:
    """The server, with a kernel whose id the paths can name."""
    with server.kernel():
        yield server


@pytest.mark.usefixtures("server_with_kernel")
@pytest.mark.parametrize(("method", "pattern"), ROUTES, ids=lambda value: value)
class TestEveryRoute:
    """Requests that no client of ours sends."""

    def test_with_odd_parameters(self, server: Server, client: Client, method: str, pattern: str) -> None:
        usual, *odd = targets(server, pattern)
        body = None if method in {"GET", "DELETE"} else HARMLESS_BODY
        changes_kernels = method == "DELETE" or pattern.endswith(("/restart", "/interrupt"))
        for path in odd if changes_kernels else [usual, *odd]:
            client.ask(method, path, body)
        path = odd[1] if changes_kernels else usual
        for name in names_of_parameters():
            client.ask(method, f"{path}?{name}", body)
            client.ask(method, f"{path}?{name}=x&{name}=", body)
            for value in ODD_VALUES:
                client.ask(method, f"{path}?{name}={value}", body)
                client.ask(method, f"{path}?{name}={value}&{name}=x", body)
        client.ask(method, path + "?" + "&".join(f"{name}=" for name in names_of_parameters()), body)
        client.ask(method, path + "?" + "&" * 1000 + "=" * 1000 + quote("&=", safe=""), body)

    def test_with_odd_bodies(self, server: Server, client: Client, method: str, pattern: str) -> None:
        usual, *odd = targets(server, pattern)
        if method in {"GET", "DELETE"}:
            client.ask(method, usual if method == "GET" else odd[1], b"a body that nobody asked for")
            return
        for body in ODD_BODIES:
            if not (pattern in {"/api/kernels", "/api/sessions"} and body == b""):  # It would start a kernel.
                client.ask(method, usual, body)
        if pattern.endswith(("/restart", "/interrupt")):
            return
        for name, value in product(names_of_fields(), ODD_JSON):
            fields = {key: json.dumps(other) for key, other in HARMLESS_FIELDS.items()} | {name: value}
            text = ", ".join(f'"{key}": {other}' for key, other in fields.items())
            client.ask(method, usual, f"{{{text}}}".encode())
