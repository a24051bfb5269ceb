"""`nextgen-kernels execute`: code on a kernel from the command line."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest
from harness.server import Server, is_stock, isolated_environment, server_command, without_kernels
from harness.waiting import PATIENCE

pytestmark = pytest.mark.skipif(is_stock(), reason="a command of our program")


def execute(
    home: Path, *arguments: str, stdin: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [server_command()[0], "execute", *arguments],
        cwd=home,
        env=isolated_environment(home, **environment),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_own_server_prints_and_succeeds(tmp_path: Path) -> None:
    done = execute(tmp_path, "import sys; print('out'); print('err', file=sys.stderr); 6 * 7")
    assert (done.returncode, done.stdout) == (0, "out\n42\n")
    assert done.stderr == "err\n"


def test_an_exception_is_shown_and_is_the_exit_status(tmp_path: Path) -> None:
    done = execute(tmp_path, "print('before'); 1 / 0")
    assert done.returncode == 1
    assert done.stdout == "before\n"
    assert "ZeroDivisionError: division by zero" in done.stderr
    assert "\x1b" not in done.stderr


def test_code_from_a_file_and_from_standard_input(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("print('from a file')\n")
    assert execute(tmp_path, str(script)).stdout == "from a file\n"
    assert execute(tmp_path, "-", stdin="print('from a pipe')\n").stdout == "from a pipe\n"


def test_input_is_read_from_standard_input(tmp_path: Path) -> None:
    done = execute(tmp_path, "print('Hello,', input('name? '))", stdin="Ada\n")
    assert (done.returncode, done.stdout) == (0, "name? Hello, Ada\n")


def test_on_a_kernel_of_a_server_state_stays(server: Server, tmp_path: Path, kernel_id: str) -> None:
    url = f"{server.url}/?token={server.token}"
    assert execute(tmp_path, f"--url={url}", f"--kernel-id={kernel_id}", "x = 5").returncode == 0
    done = execute(tmp_path, f"--url={url}", f"--kernel-id={kernel_id}", "x + 1")
    assert done.stdout == "6\n"


def test_a_kernel_started_on_a_server_is_ended(server: Server, tmp_path: Path) -> None:
    done = execute(tmp_path, f"--url={server.url}", "--kernel=python3", "1", JUPYTER_TOKEN=server.token)
    assert done.stdout == "1\n", done.stderr
    assert server.get("/api/kernels").json() == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Give one CODE"),
        (["--kernel=nowhere", "1"], "Kernel spec nowhere not found"),
        (["--kernel-id=1-2-3-4-5", "1"], "give its --url"),
        (["--url=http://127.0.0.1:9", "1"], "Is the server running?"),
        (["--url=ftp://x", "1"], "must begin with http://"),
        (["--kernl=x", "1"], "--kernel"),
    ],
)
def test_bad_usage_says_what_to_do(tmp_path: Path, arguments: list[str], said: str) -> None:
    done = execute(tmp_path, *arguments)
    assert done.returncode == 2
    assert said in done.stderr


def test_a_file_that_is_not_there_is_no_code(tmp_path: Path) -> None:
    (tmp_path / "walk.ipynb").write_text("{}")
    for argument, said in [
        ("nofile.py", "There is no file nofile.py"),
        ("./nofile", "There is no file ./nofile"),
        ("walk.ipynb", "jupyter execute walk.ipynb"),
        (f"{tmp_path}/", "is a directory"),
    ]:
        done = execute(tmp_path, argument)
        assert done.returncode == 2
        assert said in done.stderr
    assert execute(tmp_path, "import os; os.sep").stdout == "'/'\n"


def test_without_a_kernel_it_says_what_to_type(tmp_path: Path) -> None:
    done = execute(tmp_path, "1", **without_kernels(tmp_path))
    assert done.returncode == 2
    assert done.stderr.startswith("nextgen-kernels: No kernel spec was found; ipykernel cannot be imported")
    assert done.stderr.endswith(
        "To install a kernel, run:\n"
        f"    {tmp_path}/usr/bin/python3 -m venv ~/.venvs/ipykernel\n"
        "    ~/.venvs/ipykernel/bin/pip install ipykernel\n"
        "    ~/.venvs/ipykernel/bin/python -m ipykernel install --user\n"
    )


def test_a_spec_whose_python_has_no_ipykernel_says_what_to_type(tmp_path: Path) -> None:
    """As a kernel.json that outlives the Python it was made for."""
    interpreter = tmp_path / "venv" / "bin" / "python"
    interpreter.parent.mkdir(parents=True)
    interpreter.write_text('#!/bin/sh\necho "$0: No module named ipykernel_launcher" >&2\nexit 1\n')
    interpreter.chmod(0o755)
    (tmp_path / "venv" / "pyvenv.cfg").touch()
    spec = tmp_path / "data" / "kernels" / "bare"
    spec.mkdir(parents=True)
    argv = [str(interpreter), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "Bare"}))
    done = execute(tmp_path, "--kernel=bare", "1")
    assert done.returncode == 2
    assert f"{interpreter} -m pip install ipykernel" in done.stderr


@pytest.mark.parametrize("form", ["{0}/lab", "{0}/tree/a.ipynb", "{0}//", "{1}", "{1}/"])
def test_any_address_of_the_server_will_do(server: Server, tmp_path: Path, form: str) -> None:
    address = form.format(server.url, server.url.removeprefix("http://"))
    done = execute(tmp_path, f"--url={address}?token={server.token}", "1")
    assert done.stdout == "1\n", done.stderr


def test_without_the_token_it_says_how_to_give_it(server: Server, tmp_path: Path) -> None:
    done = execute(tmp_path, f"--url={server.url}", "1")
    assert done.returncode == 2
    assert "JUPYTER_TOKEN" in done.stderr


def test_a_kernel_that_dies_ends_it(tmp_path: Path) -> None:
    done = execute(tmp_path, "import os; os._exit(7)")
    assert done.returncode == 2
    assert "exited with status 7" in done.stderr


@pytest.mark.parametrize(
    "inherited", [[], ["env", "--block-signal", "--ignore-signal=CHLD"]], ids=["usual", "blocked"]
)
def test_ctrl_c_interrupts_the_code(tmp_path: Path, inherited: list[str]) -> None:
    running = subprocess.Popen(
        [*inherited, server_command()[0], "execute", "print('running', flush=True)\nwhile True: pass"],
        env=isolated_environment(tmp_path),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    assert running.stdout.readline() == "running\n"
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=PATIENCE)
    assert running.returncode == 1
    assert "KeyboardInterrupt" in errors
