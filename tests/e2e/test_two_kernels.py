"""Two kernels of different make at once: ipykernel, and Deno's, written in Rust, for TypeScript.

They differ in nearly everything that a server might take for granted: the ZeroMQ implementation (libzmq
and zmq.rs), the protocol version, what kernel_info says, whether there is a `user_expressions`, and how
outputs are split into messages. Deno's may publish an output after it has said that it is idle, so that the
tests wait for the output itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from deno import find_deno_bin
from harness.channels import V1, Channels
from harness.server import Server


@pytest.fixture(scope="module")
def deno(server: Server) -> str:
    """Name of the spec of Deno's kernel, installed for this server."""
    directory = server.home / "data" / "kernels" / "deno"
    directory.mkdir(parents=True)
    spec = {
        "argv": [str(Path(find_deno_bin())), "jupyter", "--kernel", "--conn", "{connection_file}"],
        "display_name": "Deno",
        "language": "typescript",
        "env": {"DENO_NO_UPDATE_CHECK": "1", "NO_COLOR": "1"},
    }
    (directory / "kernel.json").write_text(json.dumps(spec))
    return "deno"


@pytest.fixture(params=[(V1,), ()], ids=["v1", "legacy"])
def pair(server: Server, deno: str, request: pytest.FixtureRequest) -> Iterator[tuple[Channels, Channels]]:
    """Sockets to one kernel of each kind, started before either is ready."""
    with (
        server.kernel("python3") as python_id,
        server.kernel(deno) as deno_id,
        Channels(server, python_id, offered=request.param) as python,
        Channels(server, deno_id, offered=request.param) as typescript,
    ):
        yield python, typescript


def test_both_are_listed(server: Server, deno: str) -> None:
    specs = server.get("/api/kernelspecs").json()["kernelspecs"]
    assert specs["python3"]["spec"]["language"] == "python"
    assert specs[deno]["spec"]["language"] == "typescript"
    assert specs[deno]["resources"] == {}


def test_both_run_code_at_once(pair: tuple[Channels, Channels]) -> None:
    python, typescript = pair
    in_python = python.execute("print('python says', 6 * 7)")
    in_typescript = typescript.execute("const answer: number = 6 * 7; console.log('deno says', answer)")
    assert "deno says 42" in typescript.published("stream", in_typescript).content["text"]
    assert typescript.reply_to(in_typescript).content["status"] == "ok"
    assert python.result_of(in_python).text() == "python says 42\n"


def test_each_tells_what_it_is(pair: tuple[Channels, Channels]) -> None:
    languages = [
        channels.reply_to(channels.send("kernel_info_request")).content["language_info"]["name"]
        for channels in pair
    ]
    assert languages == ["python", "typescript"]


def value_of(channels: Channels, expression: str) -> str:
    """The text of an expression's value."""
    result = channels.published("execute_result", channels.execute(expression))
    return str(result.content["data"]["text/plain"])


def test_each_keeps_its_own_state(pair: tuple[Channels, Channels]) -> None:
    python, typescript = pair
    python.run("value = 'in python'")
    typescript.run("let value = 'in deno'")
    assert "in python" in value_of(python, "value")
    assert "in deno" in value_of(typescript, "value")


def test_errors_of_both(pair: tuple[Channels, Channels]) -> None:
    python, typescript = pair
    assert python.run("raise KeyError('lost')").reply.content["ename"] == "KeyError"
    failing = typescript.execute("throw new TypeError('not that')")
    assert "not that" in json.dumps(typescript.published("error", failing).content)
    assert typescript.reply_to(failing).content["status"] == "error"


def test_one_goes_on_while_the_other_is_deleted(server: Server, deno: str) -> None:
    with server.kernel("python3") as python_id, Channels(server, python_id) as python:
        with server.kernel(deno) as deno_id, Channels(server, deno_id) as typescript:
            assert value_of(typescript, "1 + 2") == "3"
        assert server.get(f"/api/kernels/{deno_id}").status_code == 404
        assert python.run("print('still here')").text() == "still here\n"
