"""Many kernels and WebSockets at once, in a small form of `make many`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from harness.server import is_stock, server_command

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "many_kernels.py"
KERNELS = 20
SOCKETS = 200


@pytest.mark.skipif(is_stock(), reason="the synthetic kernel lies beside our server")
def test_kernels_and_sockets_answer_and_cost_few_descriptors(tmp_path: Path) -> None:
    """Exact counts hold on any machine; what memory and processor time they take is for `make many`."""
    programs = Path(server_command()[0]).parent
    output = tmp_path / "report.json"
    done = subprocess.run(
        [
            sys.executable,
            str(PROGRAM),
            f"--server={programs / 'nextgen-kernels'}",
            f"--kernel={programs / 'synthetic_kernel'}",
            f"--kernels={KERNELS}",
            f"--sockets={SOCKETS}",
            "--seconds=1",
            f"--output={output}",
        ],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(output.read_text())
    assert report["idle_after"] == KERNELS
    assert report["per_kernel"]["server_descriptors"] < 8
    assert report["sockets"]["answering"] == SOCKETS
    assert report["sockets"]["per_socket"]["server_descriptors"] < 1.1
