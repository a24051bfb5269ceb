"""Fixtures: the server under test, and markers for what is ours alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from harness.server import Server, is_stock, server_command

ServerFactory = Callable[..., Server]


def pytest_report_header() -> str:
    """Say which server is tested."""
    return f"server under test: {' '.join(server_command())}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """On jupyter_server, expect the tests of what we do differently to fail."""
    if not is_stock():
        return
    for item in items:
        marker = item.get_closest_marker("stock_differs")
        if marker is not None:
            item.add_marker(
                pytest.mark.xfail(
                    reason=f"jupyter_server: {marker.args[0]}", run=marker.kwargs.get("run", True)
                )
            )


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Put the log of the servers that a failed test used into its report."""
    outcome: Any = yield
    report = outcome.get_result()
    if report.when == "call" and report.failed:
        fixtures = getattr(item, "funcargs", {})
        servers = [value for value in fixtures.values() if isinstance(value, Server)]
        servers += getattr(fixtures.get("start_server"), "servers", [])
        for number, server in enumerate(servers):
            report.sections.append((f"log of server {number}", server.log[-20000:]))


class _Factory:
    """Starts servers for one test or module and remembers them."""

    def __init__(self, directory: Callable[[], Path]) -> None:
        self._directory = directory
        self.servers: list[Server] = []

    def __call__(self, *, home: Path | None = None, **arguments: Any) -> Server:
        server = Server(server_command(), home or self._directory(), **arguments)
        self.servers.append(server)
        return server

    def stop(self) -> None:
        for server in self.servers:
            server.stop()
        for server in self.servers:
            server.end_what_is_left()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for the tests of a file that leave it as they found it."""
    with Server(server_command(), tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerFactory]:
    """Start servers of one test's own: `start_server(token=…, options=…, environment=…)`.

    With `home=…`, that of another server, they share its directories.
    """
    factory = _Factory(lambda: tmp_path_factory.mktemp("server"))
    yield factory
    factory.stop()


@pytest.fixture
def kernel_id(server: Server) -> Iterator[str]:
    """A python3 kernel for one test."""
    with server.kernel() as identifier:
        yield identifier
