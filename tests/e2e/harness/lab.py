"""JupyterLab in a real browser, driven step by step from a test."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from harness.laptop import Laptop
from harness.node import CLIENTS
from harness.server import Server, artifacts_directory
from harness.waiting import PATIENCE

NEWS_SETTINGS = '{"fetchNews": "false", "checkForUpdates": false}'


def jupyterlab_server(
    gateway: Server,
    home: Path,
    *,
    options: Sequence[str] = (),
    laptop: Laptop | None = None,
    environment: dict[str, str] | None = None,
) -> Server:
    """Start a JupyterLab whose kernels run on another server.

    Parameters
    ----------
    gateway
        That server.
    home
        Directory for everything that JupyterLab writes.
    options
        More command line options.
    laptop
        Where to run it instead of on this machine.
    environment
        More environment variables.
    """
    settings = home / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(NEWS_SETTINGS)
    return Server(
        [*(laptop.inside if laptop else []), "jupyter-lab", "--allow-root"],
        home,
        host=laptop.address if laptop else "127.0.0.1",
        # The laptop's own browser must reach it without the network.
        listen="0.0.0.0" if laptop else None,
        token=gateway.token,
        options=[
            f"--gateway-url={gateway.url}",
            f"--GatewayClient.auth_token={gateway.token}",
            "--LabApp.expose_app_in_browser=True",
            *options,
        ],
        environment={"JUPYTERLAB_SETTINGS_DIR": str(home / "settings")} | (environment or {}),
    )


def write_notebook(path: Path, cells: Sequence[str]) -> None:
    """Write a notebook of the python3 kernel with these code cells."""
    notebook = new_notebook(
        cells=[new_code_cell(source) for source in cells],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    )
    nbformat.write(notebook, path)


class Tab:
    """One page of a browser, in which a notebook is open; `clients/lab_driver.mjs` has its actions."""

    def __init__(self, browser: Browser, name: str) -> None:
        self._browser = browser
        self.name = name

    def do(self, action: str, **arguments: Any) -> Any:
        """Do something in this page and return what came of it."""
        return self._browser.do(action, tab=self.name, **arguments)

    def run(self, cell: int) -> None:
        """Run a cell and wait until it has its number."""
        self.do("run", cell=cell)
        self.do("wait_until_finished", cell=cell)

    def output(self, cell: int, text: str = "") -> str:
        """Return a cell's outputs once `text` is among them."""
        return str(self.do("read_output", cell=cell, text=text))

    def evaluate(self, call: str, argument: Any = None) -> Any:
        """Call a JavaScript function in the page."""
        return self.do("evaluate", call=call, argument=argument)

    def screenshot(self, name: str) -> None:
        """Keep a picture of the page among the artifacts of the tests."""
        self.do("screenshot", name=name)


class Browser:
    """A headless browser at one JupyterLab.

    Parameters
    ----------
    jupyterlab
        Whose pages it opens.
    profile
        A directory of its own.
    laptop
        Where to run it, beside that JupyterLab, instead of on this machine.
    """

    def __init__(self, jupyterlab: Server, profile: Path, *, laptop: Laptop | None = None) -> None:
        configuration = {
            "url": f"http://127.0.0.1:{jupyterlab.port}",
            "token": jupyterlab.token,
            "browser": os.environ.get("NEXTGEN_KERNELS_BROWSER", "/usr/bin/chromium"),
            "profile": str(profile),
            "artifacts": str(artifacts_directory()),
            "patience": PATIENCE,
        }
        self._process = subprocess.Popen(
            [
                *(laptop.inside if laptop else []),
                "node",
                str(CLIENTS / "lab_driver.mjs"),
                json.dumps(configuration),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def open(self, tab: str, path: str) -> Tab:
        """Open a notebook in a new tab and wait until it has its kernel."""
        self.do("open", tab=tab, path=path)
        return Tab(self, tab)

    def do(self, action: str, **arguments: Any) -> Any:
        """Do one step; what the driver cannot do fails the test."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": action, **arguments}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the browser's driver has ended"
        answer = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer["answer"]

    def trouble(self) -> list[str]:
        """Return what went wrong in the pages since this was last asked."""
        found: list[str] = self.do("trouble")
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
