"""Every message of a flood accounted for by its number: at listeners that are killed, stall, or are slow.

`NEXTGEN_KERNELS_SOAK=1` (`make soak`) makes it the full account: ten million messages, fifty listeners of
different speed, one that is killed every second on average, and one that stalls for a minute.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from conftest import ServerFactory
from harness.channels import Channels, Message
from harness.server import Server, is_stock, server_command

SOAK = os.environ.get("NEXTGEN_KERNELS_SOAK") == "1"
PATIENCE = 3600 if SOAK else 240
MESSAGES = 10_000_000 if SOAK else 200_000
LISTENERS = 50 if SOAK else 5

#: Of a flood that goes on while the server is killed and another one started, so many times.
ADOPTIONS = 5 if SOAK else 1
ADOPTED_RATE = 3_000
ADOPTED_MESSAGES = 10 * ADOPTED_RATE * ADOPTIONS
#: What a busy machine may add to the seconds of a gap: the kernel makes up for what it sent too late.
SLACK = 3.0


@pytest.fixture
def programs() -> Path:
    """Where the synthetic kernel and the accounting client are."""
    return Path(server_command()[0]).parent


@pytest.fixture
def arguments(programs: Path, tmp_path: Path) -> dict[str, Any]:
    """What a server is started with: the synthetic kernel; little in memory, everything on disk."""
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
    return {"options": options, "environment": {"JUPYTER_PATH": str(tmp_path / "share")}}


@pytest.fixture
def flooded_server(start_server: ServerFactory, arguments: dict[str, Any]) -> Server:
    """A server with the synthetic kernel."""
    return start_server(**arguments)


def test_nothing_is_lost_and_nothing_comes_twice(flooded_server: Server, programs: Path) -> None:
    """Ten times the memory of the journal, with listeners that do everything that loses messages."""
    behaviour = ["--kill-after-ms=2000", "--stall-seconds=60"] if SOAK else ["--kill-after=20000"]
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
    behind = sorted(account["furthest_behind"] for account in accounts if account["kind"] == "speeds")
    assert behind[0] > 0, "each had a speed of its own"
    assert behind[-1] > MESSAGES / 2, "the slowest fell far behind"
    assert journal["overruns"] == 0
    assert journal["spilled_messages"] > 0, "the stalled listener read from disk"
    print(json.dumps(journal))


@pytest.mark.skipif(is_stock(), reason="jupyter_server forgets its kernels")
def test_a_killed_server_loses_only_what_it_says(
    flooded_server: Server, start_server: ServerFactory, arguments: dict[str, Any]
) -> None:
    """Between two servers messages go, which is told; before and after it none, and none comes twice."""
    kernel_id = flooded_server.start_kernel("synthetic")["id"]
    clients = [Channels(flooded_server, kernel_id) for _ in range(3)]
    flood = clients[0].execute(f"flood-rate {ADOPTED_MESSAGES} 100 {ADOPTED_RATE}")
    numbers: list[list[int]] = [[] for _ in clients]
    server = flooded_server
    told = [0.0 for _ in clients]
    for _ in range(ADOPTIONS):
        for client, received in zip(clients, numbers, strict=True):
            enough = len(received) + ADOPTED_RATE
            while len(received) < enough:
                received += numbers_in([client.read()], flood)
        os.kill(server.process.pid, signal.SIGKILL)
        for client, received in zip(clients, numbers, strict=True):
            client.wait_for_close()
            received += numbers_in(client.waiting, flood)
        server.wait()
        server = start_server(home=server.home, **arguments)
        clients = [Channels(server, kernel_id, session_id=client.session_id) for client in clients]
        for index, client in enumerate(clients):
            notice = client.wait_for(
                lambda m: m.type == "stream" and m.parent is None and "is gone" in m.content["text"],
                "what is said of the gap",
            )
            told[index] += seconds_of_gap(notice.content["text"])
            assert numbers_in(client.waiting, flood) == [], "the notice stands before what follows"
    assert clients[0].reply_to(flood).content["status"] == "ok", "the answer finds who asked"
    for client, received, seconds in zip(clients, numbers, told, strict=True):
        client.status("idle", flood)
        received += numbers_in(client.waiting, flood)
        gaps = [later - number for number, later in pairwise(received) if later != number + 1]
        assert min(gaps, default=1) > 1, "none comes twice, and none before another"
        assert len(gaps) <= ADOPTIONS
        assert received[-1] == numbers[0][0] + ADOPTED_MESSAGES - 1
        missing = ADOPTED_MESSAGES - len(received)
        assert missing <= ADOPTED_RATE * (seconds + ADOPTIONS * SLACK), "no more than what is said"
        print(
            f"received {len(received)} of {ADOPTED_MESSAGES}; gone are those of {seconds:.1f} s, as is told"
        )


def seconds_of_gap(notice: str) -> float:
    """How long nobody listened, by the notice of an adoption."""
    times = re.search(r"between (\S+) and (\S+) is gone", notice)
    assert times is not None, notice
    begin, end = (datetime.fromisoformat(time) for time in times.groups())
    return (end - begin).total_seconds()


def numbers_in(messages: list[Message], flood: str) -> list[int]:
    """The numbers of the messages of a flood."""
    return [
        int(message.content["text"].split()[0][:10])
        for message in messages
        if message.type == "stream" and message.parent == flood
    ]
