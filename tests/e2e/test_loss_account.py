"""Every message of a flood accounted for by its number: at listeners that are killed, stall, or are slow.

`NEXTGEN_KERNELS_SOAK=1` (`make soak`) makes it the full account: ten million messages, fifty listeners of
different speed, one that is killed every second on average, and one that stalls for a minute.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from conftest import ServerFactory
from harness.server import Server, server_command

SOAK = os.environ.get("NEXTGEN_KERNELS_SOAK") == "1"
PATIENCE = 3600 if SOAK else 240
MESSAGES = 10_000_000 if SOAK else 200_000
LISTENERS = 50 if SOAK else 5


@pytest.fixture
def programs() -> Path:
    """Where the synthetic kernel and the accounting client are."""
    return Path(server_command()[0]).parent


@pytest.fixture
def flooded_server(start_server: ServerFactory, programs: Path, tmp_path: Path) -> Server:
    """A server with the synthetic kernel; little in memory, everything on disk."""
    folder = tmp_path / "share" / "kernels" / "synthetic"
    folder.mkdir(parents=True)
    spec = {
        "argv": [str(programs / "synthetic_kernel"), "{connection_file}"],
        "display_name": "Synthetic",
        "language": "synthetic",
    }
    (folder / "kernel.json").write_text(json.dumps(spec))
    options = [] if SOAK else ["--KernelJournal.memory_limit_bytes=16777216"]
    options.append(f"--KernelJournal.spill_limit_bytes={2**34 if SOAK else 2**30}")
    return start_server(options=options, environment={"JUPYTER_PATH": str(tmp_path / "share")})


def test_nothing_is_lost_and_nothing_comes_twice(flooded_server: Server, programs: Path) -> None:
    """Ten times the memory of the journal, with listeners that do everything that loses messages."""
    if SOAK:
        behaviour = ["--kill-after-ms=2000", "--stall-seconds=60", "--slowest-pause-us=2000"]
    else:
        behaviour = ["--kill-after=20000", "--slowest-pause-us=1000"]
    with flooded_server.kernel("synthetic") as kernel_id:
        command = [
            str(programs / "loss_account"),
            f"--port={flooded_server.port}",
            f"--kernel-id={kernel_id}",
            f"--messages={MESSAGES}",
            f"--listeners={LISTENERS}",
            *behaviour,
        ]
        environment = {**os.environ, "JUPYTER_TOKEN": flooded_server.token}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        assert done.returncode == 0, done.stderr
        print(done.stdout)
        accounts = json.loads(done.stdout)
        journal = flooded_server.get(f"/api/nextgen/kernels/{kernel_id}/journal").json()
    assert len(accounts) == 3 + LISTENERS
    for account in accounts:
        assert account["lost"] == 0, account
        assert account["duplicated"] == 0, account
        assert account["notices"] == 0, account
        assert account["received"] == MESSAGES, account
    (killed,) = (account for account in accounts if account["kind"] == "killed")
    assert killed["connections"] > 3, "it was killed again and again"
    assert journal["overruns"] == 0
    assert journal["spilled_messages"] > 0, "the stalled listener read from disk"
    print(json.dumps(journal))
