"""@jupyterlab/services on Node: JupyterLab's own client, without JupyterLab."""

from __future__ import annotations

import re
from typing import Any

from harness.channels import V1
from harness.node import run_scenario
from harness.server import Server


def scenario(server: Server, name: str) -> Any:
    """Run one scenario against the server and return what it saw."""
    return run_scenario(
        "jupyterlab_services.mjs", {"url": server.url, "token": server.token, "scenario": name}
    )


def test_session_runs_code_on_v1(server: Server) -> None:
    seen = scenario(server, "session")
    assert seen["protocol"] == V1
    assert seen["sockets"] == 1
    assert seen["language"] == "python"
    assert seen["executed"]["status"] == "ok"
    kinds = [output["type"] for output in seen["executed"]["outputs"]]
    assert kinds[:2] == ["status", "execute_input"]
    assert "execute_result" in kinds
    assert seen["executed"]["text"] == "printed\nwarned\n"
    assert seen["failed"]["ename"] == "ZeroDivisionError"
    assert seen["model"]["path"] == "work/session.ipynb"
    assert server.get("/api/kernels").json() == []


def test_models_are_accepted(server: Server) -> None:
    """It validates every model, and drops a whole list for one that is wrong."""
    seen = scenario(server, "models")
    assert seen["specs"]["default"] == "python3"
    assert seen["specs"]["kernelspecs"]["python3"]["language"] == "python"
    assert seen["found"]["id"] == seen["console"]["id"]
    assert (seen["renamed"]["path"], seen["renamed"]["name"]) == ("renamed.ipynb", "renamed")
    assert len(seen["listed"]) == 2
    assert len(seen["kernels"]) == 2
    assert seen["left"] == 0


def test_input_and_password(server: Server) -> None:
    seen = scenario(server, "stdin")
    assert seen["prompts"] == [
        {"prompt": "name? ", "password": False, "type": "input_request"},
        {"prompt": "password? ", "password": True, "type": "input_request"},
    ]
    assert seen["asked"]["text"].endswith("Hello Grace\n")
    assert seen["secret"]["text"].endswith("8\n")


def test_restart(server: Server) -> None:
    seen = scenario(server, "restart")
    assert seen["after"]["text"] == "False\n"
    assert seen["id"] == seen["model"]
    assert "dead" not in seen["statuses"]
    assert "autorestarting" not in seen["statuses"], "the one who asked must not be told that it died"


def test_reconnect_resumes_the_running_cell(server: Server) -> None:
    seen = scenario(server, "reconnect")
    assert seen["onRequest"]["text"] == "1\n"
    assert seen["cut"]["status"] == "ok"
    # What the lost socket had delivered but not acknowledged comes again: no output is missing.
    numbers = "".join(f"{number}\n" for number in range(20))
    assert re.fullmatch(rf"(begun\n)+{numbers}", seen["cut"]["text"])
    assert set(seen["protocols"]) == {V1}


def test_interrupt(server: Server) -> None:
    seen = scenario(server, "interrupt")
    assert seen["interrupted"]["ename"] == "KeyboardInterrupt"
    assert seen["after"]["text"] == "goes on\n"


def test_shutdown(server: Server) -> None:
    seen = scenario(server, "shutdown")
    assert seen == {"disposed": True, "left": 0}
    assert server.get("/api/kernels").json() == []


def test_killed_kernel_comes_back(server: Server) -> None:
    seen = scenario(server, "killed")
    assert "dead" not in seen["statuses"]
    assert seen["after"]["text"] == "born again\n"
