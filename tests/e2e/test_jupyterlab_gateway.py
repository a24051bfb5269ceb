"""JupyterLab in a real browser, with the server as its gateway: what most people will do with it.

JupyterLab keeps documents and settings; its kernels run on the server. In this arrangement jupyter_server
relays the browser's WebSocket, and speaks the legacy protocol to the server.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from harness.lab import jupyterlab_server, write_notebook
from harness.node import run_scenario
from harness.server import Server, artifacts_directory
from harness.waiting import PATIENCE, poll_until

CELLS = [
    "marker = 'set before the restart'\nprint('printed by the kernel')",
    "%matplotlib inline\nimport matplotlib.pyplot as plt\n"
    "plt.plot([1, 4, 9, 16])\nplt.title('squares')\nplt.show()",
    "print('Hello', input('Your name? '))",
    "print('looping', flush=True)\nwhile True: pass",
    "print('marker' in dir())",
]


@pytest.fixture(scope="module")
def jupyterlab(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """JupyterLab from PyPI, with the server as its gateway and a notebook to open."""
    with jupyterlab_server(server, tmp_path_factory.mktemp("jupyterlab")) as running:
        write_notebook(running.root / "walk.ipynb", CELLS)
        yield running


@pytest.fixture(scope="module")
def seen(server: Server, jupyterlab: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a person saw at each step of one walk through a notebook."""
    walk: dict[str, Any] = run_scenario(
        "jupyterlab_gateway.mjs",
        {
            "url": jupyterlab.url,
            "token": jupyterlab.token,
            "notebook": "walk.ipynb",
            "browser": os.environ.get("NEXTGEN_KERNELS_BROWSER", "/usr/bin/chromium"),
            "profile": str(tmp_path_factory.mktemp("browser")),
            "artifacts": str(artifacts_directory()),
        },
        seconds=6 * PATIENCE,
    )
    return walk


def test_notebook_opens_with_its_kernel(seen: dict[str, Any]) -> None:
    assert seen["open"]["kernel"] == "Python 3 (ipykernel)"


def test_cell_prints(seen: dict[str, Any]) -> None:
    assert seen["print"]["text"].strip() == "printed by the kernel"
    assert seen["print"]["prompt"] == "[1]:"


def test_cell_plots(seen: dict[str, Any]) -> None:
    assert seen["plot"]["width"] > 300
    assert seen["plot"]["height"] > 200


def test_cell_asks_for_input(seen: dict[str, Any]) -> None:
    assert seen["ask"]["question"] == "Your name? "
    assert "Hello Ada" in seen["ask"]["text"]


def test_endless_loop_is_interrupted(seen: dict[str, Any]) -> None:
    assert seen["interrupt"]["running"] == "[*]:"
    assert "KeyboardInterrupt" in seen["interrupt"]["text"]


def test_kernel_restarts(seen: dict[str, Any]) -> None:
    assert seen["restart"]["text"].strip() == "False"
    assert seen["restart"]["prompt"] == "[1]:"


def test_kernel_shuts_down(seen: dict[str, Any], server: Server) -> None:
    assert seen["shutdown"]["kernel"] == "No Kernel"
    poll_until(lambda: server.get("/api/kernels").json() == [] or None, "the end of the kernel")


def test_nothing_went_wrong_in_the_browser(seen: dict[str, Any]) -> None:
    assert seen["trouble"] == []
