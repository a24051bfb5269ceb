#!/usr/bin/env python3
"""Holds many idle kernels and WebSockets on one server and says what they cost: memory, descriptors, CPU.

The kernels are synthetic ones, started through the REST API; the WebSockets are those of another process.
docs/benchmarks.md says how to read the report.
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
                self.port = int(found.group(1))
                self.url = f"http://127.0.0.1:{self.port}"
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


class IdleSockets:
    """WebSockets that nothing happens on, held by a process of their own (idle_sockets.py).

    Parameters
    ----------
    server
        Whose.
    kernels
        The kernels that they are spread over.
    count
        How many.
    """

    def __init__(self, server: Server, kernels: list[str], count: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("idle_sockets.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        plan = {"port": server.port, "token": server.token, "kernels": kernels, "sockets": count}
        began = time.monotonic()
        opened = self._ask(json.dumps(plan))["open"]
        self.open_seconds = time.monotonic() - began
        if opened != count:
            raise SystemExit(f"only {opened} of {count} WebSockets were opened")

    def _ask(self, line: str) -> dict[str, int]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit("the process with the WebSockets ended")
        told: dict[str, int] = json.loads(answer)
        return told

    def answering(self) -> int:
        """How many answer a ping."""
        return self._ask("ping")["answered"]

    def close(self) -> None:
        """End them, as their process ends."""
        self._process.kill()
        self._process.wait()


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


def watch_idle(server: Server, processes: list[int], seconds: float) -> dict[str, float]:
    """What server and kernels do while nobody asks for anything."""
    time.sleep(5)  # What the starts left to do is done.
    began = time.monotonic()
    own, kernels = cpu_seconds(server.process.pid), sum(map(cpu_seconds, processes))
    own_wakeups = wakeups(server.process.pid)
    time.sleep(seconds)
    elapsed = time.monotonic() - began
    return {
        "seconds": elapsed,
        "server_cpu_percent": 100 * (cpu_seconds(server.process.pid) - own) / elapsed,
        "kernels_cpu_percent": 100 * (sum(map(cpu_seconds, processes)) - kernels) / elapsed,
        "server_wakeups_per_second": (wakeups(server.process.pid) - own_wakeups) / elapsed,
    }


def rise(before: dict[str, float], after: dict[str, float], count: int) -> dict[str, float]:
    """What each of `count` things costs the server."""
    return {
        "server_rss_kib": 1024 * (after["rss_mib"] - before["rss_mib"]) / count,
        "server_descriptors": (after["descriptors"] - before["descriptors"]) / count,
    }


def measure(server: Server, arguments: argparse.Namespace) -> dict[str, Any]:
    """The whole account, for the report."""
    count = arguments.kernels
    empty = cost(server)
    start_seconds = start_kernels(server, count, arguments.at_once)
    models = server.call("GET", "/api/kernels")
    processes = [model["provisioner_info"]["pid"] for model in models]
    full = cost(server)
    report = {
        "kernels": count,
        "start_seconds": start_seconds,
        "server_empty": empty,
        "server_full": full,
        "per_kernel": rise(empty, full, count)
        | {"kernel_pss_mib": sum(memory(process, "Pss") for process in processes) / count},
        "idle": watch_idle(server, processes, arguments.seconds),
    }
    if arguments.sockets:
        sockets = IdleSockets(server, [model["id"] for model in models], arguments.sockets)
        try:
            with_sockets = cost(server)
            report["sockets"] = {
                "count": arguments.sockets,
                "open_seconds": sockets.open_seconds,
                "server": with_sockets,
                "per_socket": rise(full, with_sockets, arguments.sockets),
                "idle": watch_idle(server, processes, arguments.seconds),
            }
            began = time.monotonic()
            report["sockets"]["answering"] = sockets.answering()
            report["sockets"]["answer_seconds"] = time.monotonic() - began
        finally:
            sockets.close()
    listing = time.monotonic()
    models = server.call("GET", "/api/kernels")
    report["list_milliseconds"] = 1000 * (time.monotonic() - listing)
    report["idle_after"] = sum(model["execution_state"] == "idle" for model in models)
    return report


def idle_line(idle: dict[str, float]) -> str:
    """One line about what happened while nothing happened."""
    return (
        f"  CPU over {idle['seconds']:.0f} s      server {idle['server_cpu_percent']:.2f} % of one core, "
        f"kernels {idle['kernels_cpu_percent']:.2f} % in all, "
        f"{idle['server_wakeups_per_second']:.0f} wake-ups of the server a second"
    )


def print_sockets(sockets: dict[str, Any]) -> None:
    """The part about WebSockets."""
    each = sockets["per_socket"]
    print(f"{sockets['count']} idle WebSockets on them, opened in {sockets['open_seconds']:.1f} s")
    print(
        f"  server memory       {each['server_rss_kib']:.1f} KiB per socket, "
        f"{sockets['server']['rss_mib']:.0f} MiB in all"
    )
    print(
        f"  server descriptors  {each['server_descriptors']:.1f} per socket, "
        f"{sockets['server']['descriptors']:.0f} in all"
    )
    print(idle_line(sockets["idle"]))
    print(f"  still answering     {sockets['answering']}, within {sockets['answer_seconds']:.2f} s")


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
    print(idle_line(idle))
    print(f"  GET /api/kernels    {report['list_milliseconds']:.0f} ms")
    print(f"  still answering     {report['idle_after']} of {report['kernels']}")
    if "sockets" in report:
        print_sockets(report["sockets"])
    print(f"  stop                {report['stop_seconds']:.1f} s")


def main() -> int:
    """Measure and print; 1 when the limits that were given do not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    build = ROOT / "build" / "release" / "bin"
    parser.add_argument("--server", type=Path, default=build / "nextgen-kernels", help="the server's binary")
    parser.add_argument("--kernel", type=Path, default=build / "synthetic_kernel", help="the kernel's binary")
    parser.add_argument("--kernels", type=int, default=1000, help="how many kernels")
    parser.add_argument("--sockets", type=int, default=0, help="how many WebSockets, spread over the kernels")
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
            report = measure(server, arguments)
        finally:
            stop_seconds = server.stop()
        report["stop_seconds"] = stop_seconds
    print_report(report)
    if arguments.output:
        arguments.output.write_text(json.dumps(report, indent=2) + "\n")
    idle = [report["idle"]] + ([report["sockets"]["idle"]] if arguments.sockets else [])
    failed = (
        report["idle_after"] != arguments.kernels
        or (arguments.sockets and report["sockets"]["answering"] != arguments.sockets)
        or (arguments.max_cpu is not None and max(i["server_cpu_percent"] for i in idle) > arguments.max_cpu)
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
