"""nbclient executes a notebook whose kernel lives on the server.

As its users do it: they name jupyter_server's `GatewayKernelManager` as the manager of the notebook's
kernel (papermill passes it on in the same way) and tell `GatewayClient` where the kernel service is.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import nbformat
import pytest
from conftest import ServerFactory
from harness.gateway import AuthenticatedGatewayKernelManager
from harness.server import Server, artifacts_directory
from harness.waiting import PATIENCE
from jupyter_server.gateway.gateway_client import GatewayClient
from jupyter_server.gateway.managers import GatewayKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

CELLS = [
    new_markdown_cell("# A plot"),
    new_code_cell("import math\nangles = [n / 10 for n in range(64)]\nprint(len(angles), 'points')"),
    new_code_cell(
        "%matplotlib inline\nimport matplotlib.pyplot as plt\n"
        "plt.plot(angles, [math.sin(angle) for angle in angles])\nplt.title('sine')\nplt.show()"
    ),
    new_code_cell("sum(angles)"),
]


@pytest.fixture
def gateway(server: Server) -> Iterator[GatewayClient]:
    """The process-wide client of the gateway, pointed at the server."""
    yield from point_at(server)


def point_at(server: Server) -> Iterator[GatewayClient]:
    """Set up the client of the gateway, and forget it afterwards."""
    GatewayClient.clear_instance()
    client = GatewayClient.instance()
    client.url = server.url
    client.auth_token = server.token
    yield client
    GatewayClient.clear_instance()


def execute(cells: list[NotebookNode], manager: type, **options: Any) -> NotebookNode:
    """Run the cells with the manager and return the executed notebook."""
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook: NotebookNode = new_notebook(
        cells=[nbformat.from_dict(dict(cell)) for cell in cells], metadata=metadata
    )
    NotebookClient(
        notebook, timeout=PATIENCE, startup_timeout=PATIENCE, kernel_manager_class=manager, **options
    ).execute()
    return notebook


def check_plot(notebook: NotebookNode, name: str) -> None:
    """The notebook holds what it should, and is valid; keep it for people to look at."""
    nbformat.validate(notebook)
    nbformat.write(notebook, artifacts_directory() / f"{name}.ipynb")
    _, text, plot, result = notebook.cells
    assert [cell.execution_count for cell in (text, plot, result)] == [1, 2, 3]
    assert text.outputs[0].text == "64 points\n"
    assert result.outputs[0].data["text/plain"].startswith("201.6")
    images = [output.data["image/png"] for output in plot.outputs if output.output_type == "display_data"]
    assert len(images) == 1
    image = base64.b64decode(images[0])
    assert image.startswith(b"\x89PNG\r\n")
    assert len(image) > 5000
    (artifacts_directory() / f"{name}.png").write_bytes(image)


def test_notebook_with_a_plot(server: Server, gateway: GatewayClient) -> None:
    check_plot(execute(CELLS, AuthenticatedGatewayKernelManager), "nbclient")
    assert server.get("/api/kernels").json() == [], "nbclient ends the kernels that it starts"


@pytest.mark.stock_differs("without a token it demands an XSRF cookie of programs too", run=False)
def test_stock_classes_against_a_server_without_token(start_server: ServerFactory) -> None:
    for _ in point_at(start_server(token="")):
        check_plot(execute(CELLS, GatewayKernelManager), "nbclient-no-token")


def test_failing_cell_is_reported_with_its_traceback(gateway: GatewayClient) -> None:
    with pytest.raises(CellExecutionError, match="no such thing"):
        execute([new_code_cell("raise LookupError('no such thing')")], AuthenticatedGatewayKernelManager)


def test_errors_can_be_allowed(gateway: GatewayClient) -> None:
    cells = [new_code_cell("1 / 0"), new_code_cell("print('after')")]
    notebook = execute(cells, AuthenticatedGatewayKernelManager, allow_errors=True)
    assert notebook.cells[0].outputs[0].ename == "ZeroDivisionError"
    assert notebook.cells[1].outputs[0].text == "after\n"
