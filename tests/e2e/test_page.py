"""The page at the server's root, in a real browser."""

from __future__ import annotations

import os
from typing import Any

import pytest
from harness.node import run_scenario
from harness.server import Server, artifacts_directory

pytestmark = pytest.mark.stock_differs("it has another page", run=False)


USUAL = {
    "provisioner": "jupyter_client.provisioning.local_provisioner:LocalProvisioner",
    "client": "nextgen_kernels_api.services.kernels.client:JupyterServerKernelClient",
    "matched_by": "exact",
}


def kernel(number: int, **fields: Any) -> dict[str, Any]:
    """The model of a kernel, as the server gives it."""
    return {
        "id": f"{number:08d}-0000-0000-0000-000000000000",
        "name": "python3",
        "last_activity": "2026-01-01T00:00:00Z",
        "execution_state": "idle",
        "connections": 1,
        "restart_count": 0,
        "provisioner_info": {"pid": 1000 + number},
        **USUAL,
        **fields,
    }


CROWD = {
    "kernels": [
        kernel(1, resources={"memory_bytes": 123_400_000, "cpu_percent": 42.4}),
        kernel(2, resources={"memory_bytes": 2_500_000_000, "cpu_percent": None}),
        kernel(3, document="/home/ada/a_project_with_a_long_name/from_an_attached_jupyterlab_of_hers.ipynb"),
        kernel(4, execution_state="dead", reason="It exited with status 1. " * 20),
        kernel(5, provisioner="spark_kernels:SparkProvisioner", matched_by="base"),
    ],
    "sessions": [
        {
            "type": "notebook",
            "name": "walk.ipynb",
            "path": "data/walk.ipynb",
            "kernel": {"id": kernel(1)["id"]},
        },
        {"type": "console", "name": "Console 1", "path": "console-1-cafe", "kernel": {"id": kernel(2)["id"]}},
    ],
}


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
            "crowd": CROWD,
        },
    )
    return visit


def test_shows_the_kernel_with_what_it_uses(seen: dict[str, Any]) -> None:
    assert "Python 3 (ipykernel)" in seen["started"]
    assert " MB" in seen["started"]


@pytest.mark.parametrize("width", ["390", "1280"])
def test_fits_the_screen(seen: dict[str, Any], width: str) -> None:
    assert max(seen["sizes"][width]["overflow"]) <= 0


@pytest.mark.parametrize("width", ["390", "1280"])
def test_names_the_documents_of_kernels_first(seen: dict[str, Any], width: str) -> None:
    lines = seen["sizes"][width]["kernels"].splitlines()
    walk, console = lines.index("walk.ipynb"), lines.index("Console 1")
    assert lines[walk + 1 : walk + 3] == ["data/walk.ipynb", "Python 3 (ipykernel) · 00000001 · process 1001"]
    assert lines[console + 1] == "Python 3 (ipykernel) · 00000002 · process 1002"
    assert "from_an_attached_jupyterlab_of_hers.ipynb" in lines
    for text in ("123 MB", "42 %", "2.5 GB"):
        assert text in seen["sizes"][width]["kernels"]


def test_tells_the_client_where_it_is_not_the_usual_one(seen: dict[str, Any]) -> None:
    text = seen["sizes"]["1280"]["kernels"]
    assert "SparkProvisioner → JupyterServerKernelClient (registered for a base of this class)" in text
    assert "LocalProvisioner" not in text


def test_lists_kernel_specs_and_mappings(seen: dict[str, Any]) -> None:
    assert "Python 3 (ipykernel)" in seen["specs"]
    assert "LocalProvisioner" in seen["mappings"]
    assert "the fallback client" in seen["mappings"]


def test_says_how_to_attach(server: Server, seen: dict[str, Any]) -> None:
    assert f"--gateway-url={server.url}/" in seen["attach"]
    assert f"--GatewayClient.auth_token={server.token}" in seen["attach"]
    assert "--GatewayClient.allowed_envs=JPY_SESSION_NAME" in seen["attach"]


def test_keeps_the_token_out_of_the_address_bar(server: Server, seen: dict[str, Any]) -> None:
    assert seen["address"] == f"{server.url}/"
    assert server.token not in seen["attach_without_token"]


def test_tells_strangers_how_to_get_in(server: Server, seen: dict[str, Any]) -> None:
    assert "Token" in seen["stranger"]
    assert "Log in" in seen["stranger"]
    assert server.token not in seen["stranger"]


def test_browser_complained_of_nothing(seen: dict[str, Any]) -> None:
    assert seen["trouble"] == []
