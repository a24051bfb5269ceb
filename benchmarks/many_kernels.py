#!/usr/bin/env python3
"""Holds many idle kernels on one server and says what they cost: memory, file descriptors, CPU.

The kernels are synthetic ones, started through the REST API. docs/benchmarks.md says how to read the report.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
KERNEL_NAME = "synthetic"
START_TIMEOUT = 900.0
TICKS = os.sysconf("SC_CLK_TCK")
URL = re.compile(r"http://127\.0\.0\.1:(\d+)/")


class Server:
    """A server with one kernel spec, the synthetic kernel's.

    Parameters
    ----------
    program
        The nextgen-kernels binary.
    kernel
        The synthetic kernel's binary.
    home
        A directory of its own.
    options
        More options of `serve`.
    """

    def __init__(self, program: Path, kernel: Path, home: Path, options: list[str]) -> None:
        spec = home / "data" / "kernels" / KERNEL_NAME
        spec.mkdir(parents=True)
        (spec / "kernel.json").write_text(
            json.dumps(
                {
                    "argv": [str(kernel), "{connection_file}"],
                    "display_name": "Synthetic",
                    "language": "commands",
                }
            )
        )
        self.token = secrets.token_hex(16)
        environment = {
            "PATH": os.defpath,
            "HOME": str(home),
            "JUPYTER_DATA_DIR": str(home / "data"),
            "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
            "JUPYTER_TOKEN": self.token,
        }
        self.process = subprocess.Popen(
            [str(program), "serve", "--ServerApp.port=0", f"--ServerApp.log_file={home / 'log'}", *options],
            cwd=home,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if found := URL.search(line):
                self.url = f"http://127.0.0.1:{found.group(1)}"
                break
        else:
            raise SystemExit("the server did not start")
        # What it prints later must not fill the pipe.
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """One REST call."""
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {self.token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            text = response.read()
        return json.loads(text) if text else None

    def stop(self) -> float:
        """End it as its service manager would; seconds that took."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(120)
        return time.monotonic() - began


def cpu_seconds(process: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory(process: int, field: str) -> float:
    """A field of /proc/PID/smaps_rollup in MiB."""
    for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    return 0.0


def wakeups(process: int) -> int:
    """How often the threads of a process gave up the CPU by themselves."""
    total = 0
    for status in Path(f"/proc/{process}/task").glob("*/status"):
        found = re.search(r"^voluntary_ctxt_switches:\s*(\d+)", status.read_text(), re.MULTILINE)
        total += int(found.group(1)) if found else 0
    return total


def cost(server: Server) -> dict[str, float]:
    """What the server holds now."""
    process = server.process.pid
    return {
        "rss_mib": memory(process, "Rss"),
        "descriptors": float(len(os.listdir(f"/proc/{process}/fd"))),
        "threads": float(len(os.listdir(f"/proc/{process}/task"))),
    }


def start_kernels(server: Server, count: int, at_once: int) -> float:
    """Start kernels and wait until all of them answer; seconds that took."""
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        list(
            pool.map(
                lambda _: server.call("POST", "/api/kernels", {"name": KERNEL_NAME}),
                range(count),
                chunksize=1,
            )
        )
    while True:
        states = [model["execution_state"] for model in server.call("GET", "/api/kernels")]
        if states.count("idle") == count:
            return time.monotonic() - began
        if "dead" in states:
            dead = [m for m in server.call("GET", "/api/kernels") if m["execution_state"] == "dead"]
            raise SystemExit(f"{len(dead)} kernels are dead, the first because: {dead[0]['reason']}")
        if time.monotonic() - began > START_TIMEOUT:
            raise SystemExit(f"not all kernels answered: {states.count('idle')} of {count} did")
        time.sleep(0.5)


def measure(server: Server, count: int, at_once: int, seconds: float) -> dict[str, Any]:
    """The whole account, for the report."""
    empty = cost(server)
    start_seconds = start_kernels(server, count, at_once)
    processes = [model["provisioner_info"]["pid"] for model in server.call("GET", "/api/kernels")]
    full = cost(server)
    time.sleep(5)  # What the starts left to do is done.
    began = time.monotonic()
    own, kernels = cpu_seconds(server.process.pid), sum(map(cpu_seconds, processes))
    own_wakeups = wakeups(server.process.pid)
    time.sleep(seconds)
    elapsed = time.monotonic() - began
    idle = {
        "seconds": elapsed,
        "server_cpu_percent": 100 * (cpu_seconds(server.process.pid) - own) / elapsed,
        "kernels_cpu_percent": 100 * (sum(map(cpu_seconds, processes)) - kernels) / elapsed,
        "server_wakeups_per_second": (wakeups(server.process.pid) - own_wakeups) / elapsed,
    }
    listing = time.monotonic()
    models = server.call("GET", "/api/kernels")
    return {
        "kernels": count,
        "start_seconds": start_seconds,
        "server_empty": empty,
        "server_full": full,
        "per_kernel": {
            "server_rss_kib": 1024 * (full["rss_mib"] - empty["rss_mib"]) / count,
            "server_descriptors": (full["descriptors"] - empty["descriptors"]) / count,
            "kernel_pss_mib": sum(memory(process, "Pss") for process in processes) / count,
        },
        "idle": idle,
        "list_milliseconds": 1000 * (time.monotonic() - listing),
        "idle_after": sum(model["execution_state"] == "idle" for model in models),
    }


def print_report(report: dict[str, Any]) -> None:
    """Print it for a person."""
    idle, each = report["idle"], report["per_kernel"]
    print(f"{report['kernels']} idle kernels, all answering after {report['start_seconds']:.1f} s")
    print(
        f"  server memory       {each['server_rss_kib']:.0f} KiB per kernel, "
        f"{report['server_full']['rss_mib']:.0f} MiB in all"
    )
    print(
        f"  server descriptors  {each['server_descriptors']:.1f} per kernel, "
        f"{report['server_full']['descriptors']:.0f} in all"
    )
    print(f"  kernel memory       {each['kernel_pss_mib']:.1f} MiB each (proportional)")
    print(
        f"  CPU over {idle['seconds']:.0f} s      server {idle['server_cpu_percent']:.2f} % of one core, "
        f"kernels {idle['kernels_cpu_percent']:.2f} % in all, "
        f"{idle['server_wakeups_per_second']:.0f} wake-ups of the server a second"
    )
    print(f"  GET /api/kernels    {report['list_milliseconds']:.0f} ms")
    print(f"  still answering     {report['idle_after']} of {report['kernels']}")
    print(f"  stop                {report['stop_seconds']:.1f} s")


def main() -> int:
    """Measure and print; 1 when the limits that were given do not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    build = ROOT / "build" / "release" / "bin"
    parser.add_argument("--server", type=Path, default=build / "nextgen-kernels", help="the server's binary")
    parser.add_argument("--kernel", type=Path, default=build / "synthetic_kernel", help="the kernel's binary")
    parser.add_argument("--kernels", type=int, default=1000, help="how many kernels")
    parser.add_argument("--at-once", type=int, default=8, help="how many requests at once")
    parser.add_argument("--seconds", type=float, default=60, help="how long they are looked at")
    parser.add_argument(
        "--max-cpu", type=float, help="fail when the idle server takes more percent of a core"
    )
    parser.add_argument("--output", type=Path, help="write the report as JSON")
    parser.add_argument("options", nargs="*", help="more options of the server, after --")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nk-many-") as home:
        server = Server(arguments.server.resolve(), arguments.kernel.resolve(), Path(home), arguments.options)
        try:
            report = measure(server, arguments.kernels, arguments.at_once, arguments.seconds)
        finally:
            stop_seconds = server.stop()
        report["stop_seconds"] = stop_seconds
    print_report(report)
    if arguments.output:
        arguments.output.write_text(json.dumps(report, indent=2) + "\n")
    failed = report["idle_after"] != arguments.kernels or (
        arguments.max_cpu is not None and report["idle"]["server_cpu_percent"] > arguments.max_cpu
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
