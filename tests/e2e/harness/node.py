"""Scenarios in JavaScript: run by Node, judged by pytest."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from harness.waiting import PATIENCE

CLIENTS = Path(__file__).resolve().parents[1] / "clients"


def run_scenario(script: str, configuration: dict[str, Any], *, seconds: float = 3 * PATIENCE) -> Any:
    """Run a script of `clients/` and return the JSON that it prints last.

    Parameters
    ----------
    script
        Its file name.
    configuration
        Given to it as its only argument; `patience` is added.
    seconds
        When to give up on the whole script.
    """
    finished = subprocess.run(
        ["node", str(CLIENTS / script), json.dumps(configuration | {"patience": PATIENCE})],
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert finished.returncode == 0, f"{script} failed:\n{finished.stderr}\n{finished.stdout}"
    return json.loads(finished.stdout.splitlines()[-1])
