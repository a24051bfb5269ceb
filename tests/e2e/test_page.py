"""The page at the server's root, in a real browser."""

from __future__ import annotations

import os
from typing import Any

import pytest
from harness.node import run_scenario
from harness.server import Server, artifacts_directory

pytestmark = pytest.mark.stock_differs("it has another page", run=False)


@pytest.fixture(scope="module")
def seen(server: Server) -> dict[str, Any]:
    """What a person saw who started, interrupted, restarted and shut down a kernel."""
    visit: dict[str, Any] = run_scenario(
        "page.mjs",
        {
            "url": server.url,
            "token": server.token,
            "browser": os.environ.get("NEXTGEN_KERNELS_BROWSER", "/usr/bin/chromium"),
            "artifacts": str(artifacts_directory()),
        },
    )
    return visit


def test_shows_the_kernel_with_its_provisioner_and_client(seen: dict[str, Any]) -> None:
    assert "Python 3 (ipykernel)" in seen["started"]
    assert "LocalProvisioner" in seen["started"]
    assert "JupyterServerKernelClient" in seen["started"]


def test_lists_kernel_specs_and_mappings(seen: dict[str, Any]) -> None:
    assert "Python 3 (ipykernel)" in seen["specs"]
    assert "LocalProvisioner" in seen["mappings"]
    assert "the fallback client" in seen["mappings"]


def test_says_how_to_attach(server: Server, seen: dict[str, Any]) -> None:
    assert f"--gateway-url={server.url}/" in seen["attach"]
    assert f"--GatewayClient.auth_token={server.token}" in seen["attach"]


def test_keeps_the_token_out_of_the_address_bar(server: Server, seen: dict[str, Any]) -> None:
    assert seen["address"] == f"{server.url}/"
    assert server.token not in seen["attach_without_token"]


def test_tells_strangers_how_to_get_in(server: Server, seen: dict[str, Any]) -> None:
    assert "Token" in seen["stranger"]
    assert "Log in" in seen["stranger"]
    assert server.token not in seen["stranger"]


def test_browser_complained_of_nothing(seen: dict[str, Any]) -> None:
    assert seen["trouble"] == []
