"""jupyter-kernel-client, the client of scripts and programs, as its documentation uses it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from harness.server import Server
from harness.waiting import PATIENCE, poll_until
from jupyter_kernel_client import JupyterKernelClient
from jupyter_kernel_client.manager import KernelHttpManager


def connect(server: Server, **arguments: Any) -> JupyterKernelClient:
    """A client that is not started."""
    return JupyterKernelClient(server_url=server.url, token=server.token, **arguments)


@pytest.fixture
def client(server: Server) -> Iterator[JupyterKernelClient]:
    """A client with a kernel of its own.

    It speaks the legacy protocol, its default: with v1, release 1.0.2 fails on every message in a log
    statement of its own.
    """
    with connect(server) as client:
        yield client


class TestExecute:
    """Code in, outputs out."""

    def test_stream(self, client: JupyterKernelClient) -> None:
        reply = client.execute("print('hello')\nprint('world')")
        assert reply["status"] == "ok"
        assert reply["execution_count"] == 1
        assert {output["output_type"] for output in reply["outputs"]} == {"stream"}
        assert "".join(output["text"] for output in reply["outputs"]) == "hello\nworld\n"

    def test_result(self, client: JupyterKernelClient) -> None:
        reply = client.execute("6 * 7")
        assert reply["outputs"] == [
            {
                "output_type": "execute_result",
                "metadata": {},
                "data": {"text/plain": "42"},
                "execution_count": 1,
            }
        ]

    def test_display(self, client: JupyterKernelClient) -> None:
        reply = client.execute("from IPython.display import HTML, display\ndisplay(HTML('<b>bold</b>'))")
        assert reply["outputs"][0]["output_type"] == "display_data"
        assert reply["outputs"][0]["data"]["text/html"] == "<b>bold</b>"

    def test_error(self, client: JupyterKernelClient) -> None:
        reply = client.execute("print('before')\nraise ValueError('no good')")
        assert reply["status"] == "error"
        stream, error = reply["outputs"]
        assert stream["text"] == "before\n"
        assert (error["ename"], error["evalue"]) == ("ValueError", "no good")
        assert any("ValueError" in line for line in error["traceback"])
        assert client.execute("'goes on'")["status"] == "ok"

    def test_state_is_kept_between_executions(self, client: JupyterKernelClient) -> None:
        client.execute("x = 20")
        assert client.execute("x + 1")["outputs"][0]["data"]["text/plain"] == "21"

    def test_input(self, client: JupyterKernelClient) -> None:
        prompts = []

        def answer(message: dict[str, Any]) -> None:
            prompts.append(message["content"]["prompt"])
            client._manager.client.input("Ada")

        reply = client.execute("print('Hello', input('name? '))", allow_stdin=True, stdin_hook=answer)
        assert prompts == ["name? "]
        assert "Hello Ada" in "".join(output["text"] for output in reply["outputs"])

    def test_variables(self, client: JupyterKernelClient) -> None:
        client.execute("numbers = [1, 2, 3]")
        assert client.get_variable("numbers") == [1, 2, 3]
        assert "numbers" in [variable["name"] for variable in client.list_variables()]


class TestLife:
    """Interrupt, restart, several clients, the end."""

    def test_interrupt(self, client: JupyterKernelClient) -> None:
        looping = threading.Event()
        replies = []

        def run() -> None:
            replies.append(
                client.execute_interactive(
                    "print('looping', flush=True)\nwhile True: pass",
                    output_hook=lambda message: looping.set() if message["msg_type"] == "stream" else None,
                    timeout=PATIENCE,
                )
            )

        runner = threading.Thread(target=run)
        runner.start()
        assert looping.wait(PATIENCE)
        client.interrupt()
        runner.join(PATIENCE)
        assert replies[0]["content"]["ename"] == "KeyboardInterrupt"
        assert client.execute("'goes on'")["status"] == "ok"

    def test_restart_forgets_the_state(self, server: Server) -> None:
        with connect(server) as client:
            client.execute("x = 1")
            kernel_id = client.id
            client.restart()
            with connect(server, kernel_id=kernel_id) as again:
                reply = again.execute("x")
                assert reply["status"] == "error"
                assert reply["outputs"][0]["ename"] == "NameError"
                again.stop(shutdown_kernel=False)

    def test_second_client_sees_the_state_of_the_first(
        self, server: Server, client: JupyterKernelClient
    ) -> None:
        client.execute("shared = 'seen by both'")
        with connect(server, kernel_id=client.id) as other:
            assert other.execute("shared")["outputs"][0]["data"]["text/plain"] == "'seen by both'"
        assert client.is_alive()

    def test_model(self, server: Server, client: JupyterKernelClient) -> None:
        client.execute("pass")
        assert client.is_alive()
        assert client.last_activity is not None
        info = client.kernel_info
        assert info is not None
        assert info["language_info"]["name"] == "python"
        assert client.id in [kernel["id"] for kernel in client.list_kernels()]

    def test_leaving_shuts_the_kernel_down(self, server: Server) -> None:
        with connect(server) as client:
            client.execute("pass")
            kernel_id = client.id
        assert server.get(f"/api/kernels/{kernel_id}").status_code == 404

    @pytest.mark.stock_differs("it restarts a kernel that was asked to end", run=False)
    def test_nice_shutdown_ends_in_removal(self, server: Server) -> None:
        """It asks the kernel itself, over the socket, and polls until the kernel is gone."""
        manager = KernelHttpManager(server_url=server.url, token=server.token)
        kernel_id = manager.start_kernel("python3")["id"]
        manager.client.start_channels()
        manager.client.wait_for_ready(timeout=PATIENCE)
        manager.client.shutdown()
        poll_until(lambda: server.get(f"/api/kernels/{kernel_id}").status_code == 404 or None, "the removal")
        manager.client.stop_channels()

    def test_wrong_token_is_an_error(self, server: Server) -> None:
        client = JupyterKernelClient(server_url=server.url, token="wrong")
        with pytest.raises(Exception, match="403"):
            client.start()
