"""lab.py runs the server and JupyterLab as one, and keeps the token off every command line."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

LAB = Path(__file__).resolve().parents[2] / "scripts" / "lab.py"

# Stands in for either program: writes down how it was started, says a line, waits until it is told to end.
PROGRAM = """#!{python}
import json, os, pathlib, signal, sys
notes = pathlib.Path({notes!r})
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
names = ("JUPYTER_TOKEN", "JUPYTER_GATEWAY_URL", "JUPYTER_GATEWAY_AUTH_TOKEN", "JUPYTER_GATEWAY_ALLOWED_ENVS",
         "JUPYTER_CONFIG_PATH")
started = {{"argv": sys.argv[1:], "env": {{n: os.environ.get(n) for n in names}}}}
notes.with_suffix(".started").write_text(json.dumps(started))
print({says!r}, flush=True)
if not {stays}:
    sys.exit(3)
signal.sigwait([signal.SIGTERM])
notes.with_suffix(".ended").write_text("by SIGTERM")
"""


@pytest.fixture
def lab(tmp_path):
    """Starts lab.py with stand-ins for both programs."""
    processes = []

    def start(server_says="Listening at http://127.0.0.1:8890/?token=x", server_stays=True, lab_stays=True):
        for name, says, stays in (
            ("server", server_says, server_stays),
            ("jupyter-lab", "JupyterLab is up", lab_stays),
        ):
            program = tmp_path / name
            notes = str(tmp_path / f"{name}.notes")
            program.write_text(PROGRAM.format(python=sys.executable, notes=notes, says=says, stays=stays))
            program.chmod(0o755)
        environment = {n: v for n, v in os.environ.items() if n not in {"DISPLAY", "JUPYTER_TOKEN"}}
        process = subprocess.Popen(
            [sys.executable, str(LAB), str(tmp_path / "server"), "--ServerApp.ip=127.0.0.1"],
            env=environment | {"PATH": f"{tmp_path}:{os.environ['PATH']}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.terminate()
        process.communicate(timeout=30)


def wait_for_line(process, text):
    for line in process.stdout:
        if text in line:
            return
    raise AssertionError(f"no line with {text!r}: {process.stderr.read()}")


def started(tmp_path, name):
    return json.loads((tmp_path / f"{name}.started").read_text())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_both(lab, tmp_path, number):
    process = lab()
    wait_for_line(process, "JupyterLab is up")
    process.send_signal(number)
    assert process.wait(30) == 0
    assert (tmp_path / "server.ended").exists()
    assert (tmp_path / "jupyter-lab.ended").exists()


def test_the_token_goes_through_the_environment_only(lab, tmp_path):
    process = lab()
    wait_for_line(process, "JupyterLab is up")
    server, jupyter_lab = started(tmp_path, "server"), started(tmp_path, "jupyter-lab")
    token = server["env"]["JUPYTER_TOKEN"]
    assert len(token) >= 32
    assert server["argv"] == ["serve", "--ServerApp.ip=127.0.0.1"]
    assert jupyter_lab["env"] == {
        "JUPYTER_TOKEN": None,
        "JUPYTER_GATEWAY_URL": "http://127.0.0.1:8890",
        "JUPYTER_GATEWAY_AUTH_TOKEN": token,
        "JUPYTER_GATEWAY_ALLOWED_ENVS": "JPY_SESSION_NAME",
        "JUPYTER_CONFIG_PATH": str(LAB.parents[1] / "examples" / "jupyterlab"),
    }
    assert token not in str(server["argv"] + jupyter_lab["argv"])


def test_the_end_of_jupyterlab_ends_the_server(lab, tmp_path):
    process = lab(lab_stays=False)
    assert process.wait(30) == 1
    assert "JupyterLab ended by itself with status 3" in process.stderr.read()
    assert (tmp_path / "server.ended").exists()


def test_a_server_that_does_not_come_up_starts_no_jupyterlab(lab, tmp_path):
    process = lab(server_says="port taken", server_stays=False)
    assert process.wait(30) == 1
    assert "the server ended by itself with status 3" in process.stderr.read()
    assert "port taken" in process.stdout.read()
    assert not (tmp_path / "jupyter-lab.started").exists()


def test_a_missing_binary_is_named(tmp_path):
    done = subprocess.run([sys.executable, str(LAB), str(tmp_path / "none")], capture_output=True, text=True)
    assert done.returncode == 1
    assert f"cannot start {tmp_path}/none: No such file" in done.stderr
