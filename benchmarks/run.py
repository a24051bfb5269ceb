#!/usr/bin/env python3
"""Measures the relay beside its baselines and its peer, all in one run, and prints the ratios last.

docs/benchmarks.md says what is measured and how to read it.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import platform
import random
import secrets
import shutil
import signal
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
KERNEL_NAME = "synthetic"
START_TIMEOUT = 60.0
STOP_TIMEOUT = 10.0
PROGRAM_TIMEOUT = 120.0
LOG_TAIL = 4000
OURS = "nextgen-kernels"
PEER = "jupyter_server"

Result = dict[str, Any]


class BenchmarkError(Exception):
    """Something that keeps the benchmark from going on; the message is for the user."""


@dataclass(frozen=True)
class FloodCase:
    """Stream messages from one kernel to some WebSockets."""

    name: str
    sockets: int
    size: int
    messages: int
    peer_messages: int
    baseline: str
    baseline_target: float | None
    peer_target: float | None
    metric: str
    stalled: int = 0


@dataclass(frozen=True)
class RoundTripCase:
    """Trivial executions, one after the other."""

    name: str = "execute round trip"
    count: int = 2000
    peer_count: int = 500
    baseline: str = "direct ZMQ client"
    baseline_target: float = 1.5
    metric: str = "p50_us"


@dataclass(frozen=True)
class AnswerCase:
    """How long our server lets another client wait while one message with many buffers passes through it."""

    buffers: int
    size: int = 1000
    messages: int = 5
    target_ms: float = 100

    @property
    def name(self) -> str:
        """Return what the report calls it."""
        return f"longest wait for GET /api beside messages of {self.buffers:,} x {self.size} B, in ms"


ANSWER_CASES = (AnswerCase(1), AnswerCase(100), AnswerCase(10_000))

# The peer gets fewer messages so that it takes about as long; its rate does not depend on their number.
FLOOD_CASES = (
    FloodCase("1 socket, 100 B", 1, 100, 200_000, 5_000, "libzmq PUB-SUB", 0.6, 50, "messages_per_second"),
    FloodCase(
        "1 socket, 64 KiB", 1, 65_536, 6_000, 1_000, "libzmq PUB-SUB", 0.6, None, "messages_per_second"
    ),
    FloodCase(
        "100 sockets, 100 B", 100, 100, 10_000, 100, "raw writev server", 0.8, None, "deliveries_per_second"
    ),
)
# What TLS takes: our server with it beside our server without it.
TLS_CASES = tuple(
    FloodCase(
        f"{case.name}, TLS", case.sockets, case.size, case.messages, case.peer_messages,
        "ours without TLS", None, None, case.metric,
    )
    for case in FLOOD_CASES
    if case.sockets == 1
)  # fmt: skip
# What others cost that read nothing: our server with them beside our server without them.
STALLED_CASE = dataclasses.replace(
    FLOOD_CASES[0],
    name="1 socket, 100 B, 20 stalled beside it",
    baseline="ours without them",
    baseline_target=0.8,
    peer_target=None,
    stalled=20,
)
ROUND_TRIP_CASE = RoundTripCase()
CERTIFICATE = [
    "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
    "-addext", "subjectAltName=IP:127.0.0.1",
]  # fmt: skip


@dataclass
class Measurements:
    """What one case measured, one entry for each repetition."""

    case: FloodCase | RoundTripCase
    baseline: list[Result] = field(default_factory=list)
    ours: list[Result] = field(default_factory=list)
    peer: list[Result] = field(default_factory=list)

    def median(self, results: list[Result]) -> float:
        """Return the median of the case's metric."""
        return statistics.median(result[self.case.metric] for result in results)

    def paired_ratios(self) -> list[float]:
        """Return ours over baseline by repetition: what disturbs the machine for longer disturbs both."""
        metric = self.case.metric
        return [ours[metric] / base[metric] for ours, base in zip(self.ours, self.baseline, strict=True)]


@dataclass(frozen=True)
class Ratio:
    """One line of the conclusion."""

    name: str
    value: float
    lowest: float
    highest: float
    target: float | None
    at_most: bool = False

    @property
    def reached(self) -> bool:
        """Whether the target, if there is one, is reached."""
        if self.target is None:
            return True
        return self.value <= self.target if self.at_most else self.value >= self.target


def free_port() -> int:
    """Return a port that is free now, outside the range that connecting sockets get theirs from."""
    while True:
        port = random.randrange(20_000, 30_000)
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port


def tail(path: Path) -> str:
    """Return the end of a log."""
    return path.read_text(errors="replace")[-LOG_TAIL:]


def memory_mib(process_id: int) -> Result:
    """Return the resident memory of a process, now and at its highest."""
    fields = {}
    for line in Path(f"/proc/{process_id}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name in ("VmRSS", "VmHWM"):
            fields[name] = int(value.split()[0]) / 1024
    return {"resident_mib": round(fields["VmRSS"], 1), "highest_mib": round(fields["VmHWM"], 1)}


@contextlib.contextmanager
def running(command: list[str], log: Path, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process in a group of its own, which is ended at the end: politely, then surely."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stderr=output,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            **{"stdout": output, **options},
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_TIMEOUT)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class Server:
    """A Jupyter server that runs for the whole benchmark."""

    def __init__(
        self,
        name: str,
        process: subprocess.Popen[bytes],
        port: int,
        token: str,
        log: Path,
        certificate: Path | None = None,
    ) -> None:
        self.name = name
        self.process = process
        self.port = port
        self._token = token
        self._log = log
        self._scheme = "http" if certificate is None else "https"
        self._tls = None if certificate is None else ssl.create_default_context(cafile=certificate)

    def request(self, method: str, path: str, body: Result | None = None) -> Any:
        """Do one REST call and return the JSON of its answer, if there is one."""
        text = self.text(path, method, body)
        return json.loads(text) if text else None

    def text(self, path: str, method: str = "GET", body: Result | None = None) -> str:
        """Do one REST call and return its answer."""
        request = urllib.request.Request(
            f"{self._scheme}://127.0.0.1:{self.port}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {self._token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=START_TIMEOUT, context=self._tls) as answer:
            return answer.read().decode()

    def wait_until_ready(self) -> None:
        """Wait for the first good answer."""
        end = time.monotonic() + START_TIMEOUT
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise BenchmarkError(f"{self.name} ended at once:\n{tail(self._log)}")
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                self.request("GET", "/api/status")
                return
            time.sleep(0.1)
        raise BenchmarkError(f"{self.name} did not answer within {START_TIMEOUT:.0f} s:\n{tail(self._log)}")

    @contextlib.contextmanager
    def kernel(self) -> Iterator[str]:
        """Start a synthetic kernel for the duration of a block, and yield its id."""
        try:
            kernel_id = self.request("POST", "/api/kernels", {"name": KERNEL_NAME})["id"]
        except urllib.error.HTTPError as error:
            raise BenchmarkError(f"{self.name} did not start a kernel: {error.read().decode()}") from error
        yield kernel_id
        self.request("DELETE", f"/api/kernels/{kernel_id}")

    def client_arguments(self, kernel_id: str) -> list[str]:
        """Return what tells ws_client about this server; the token comes through the environment."""
        arguments = [
            f"--port={self.port}",
            f"--kernel-id={kernel_id}",
            f"--server-process={self.process.pid}",
        ]
        return arguments if self._tls is None else [*arguments, "--tls"]


class Benchmark:
    """One run: its programs, its temporary directory, and its servers."""

    def __init__(self, build: Path, directory: Path) -> None:
        self._programs = build / "bin"
        self._directory = directory
        self._token = secrets.token_hex(24)
        self._environment = os.environ | {
            "JUPYTER_TOKEN": self._token,
            "JUPYTER_PATH": str(directory / "share"),
            "JUPYTER_CONFIG_DIR": str(directory / "config"),
            "JUPYTER_DATA_DIR": str(directory / "data"),
            "JUPYTER_RUNTIME_DIR": str(directory / "runtime"),
        }
        for name in ("nextgen-kernels", "synthetic_kernel", "benchmarks/ws_client"):
            if not (self._programs / name).exists():
                raise BenchmarkError(f"{self._programs / name} is not there; `make bench` builds it")
        self._write_kernel_spec()

    def _write_kernel_spec(self) -> None:
        folder = self._directory / "share" / "kernels" / KERNEL_NAME
        folder.mkdir(parents=True)
        kernel = str(self._programs / "synthetic_kernel")
        spec = {"argv": [kernel, "{connection_file}"], "display_name": "Synthetic", "language": "synthetic"}
        (folder / "kernel.json").write_text(json.dumps(spec))

    def _measure(self, program: str, *arguments: str) -> Result:
        """Run one of the measuring programs and return what it reports."""
        command = [str(self._programs / "benchmarks" / program), *arguments]
        done = subprocess.run(
            command,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=PROGRAM_TIMEOUT,
            check=False,
        )
        if done.returncode != 0:
            raise BenchmarkError(f"{' '.join(command)} failed: {done.stderr.strip()}")
        return json.loads(done.stdout)

    @contextlib.contextmanager
    def our_server(self, *options: str) -> Iterator[Server]:
        """Run nextgen-kernels."""
        with self._our_server(OURS, *options) as server:
            yield server

    @contextlib.contextmanager
    def our_tls_server(self) -> Iterator[Server]:
        """Run nextgen-kernels with TLS."""
        certificate, key = self._directory / "certificate.pem", self._directory / "key.pem"
        subprocess.run([*CERTIFICATE, "-out", certificate, "-keyout", key], check=True, capture_output=True)
        options = [f"--ServerApp.certfile={certificate}", f"--ServerApp.keyfile={key}"]
        with self._our_server(f"{OURS} with TLS", *options, certificate=certificate) as server:
            yield server

    @contextlib.contextmanager
    def _our_server(self, name: str, *options: str, certificate: Path | None = None) -> Iterator[Server]:
        port = free_port()
        program = str(self._programs / "nextgen-kernels")
        command = [program, "serve", f"--ServerApp.port={port}", *options]
        with self._server(name, command, port, certificate) as server:
            yield server

    @contextlib.contextmanager
    def peer_server(self, program: str) -> Iterator[Server]:
        """Run jupyter_server without its rate limits."""
        port = free_port()
        options = [
            f"--ServerApp.port={port}",
            "--ServerApp.port_retries=0",
            "--ServerApp.open_browser=False",
            "--ServerApp.allow_root=True",
            f"--ServerApp.root_dir={self._directory}",
            "--ZMQChannelsWebsocketConnection.limit_rate=False",
        ]
        with self._server(PEER, [program, *options], port) as server:
            yield server

    @contextlib.contextmanager
    def _server(
        self, name: str, command: list[str], port: int, certificate: Path | None = None
    ) -> Iterator[Server]:
        log = self._directory / f"{name}-{port}.log"
        with running(command, log, env=self._environment, cwd=self._directory) as process:
            server = Server(name, process, port, self._token, log, certificate)
            server.wait_until_ready()
            yield server

    @contextlib.contextmanager
    def writev_server(self) -> Iterator[int]:
        """Run the raw fan-out server, and yield its port."""
        program = str(self._programs / "benchmarks" / "writev_server")
        log = self._directory / "writev_server.log"
        with running([program], log, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise BenchmarkError(f"writev_server ended at once: {tail(log)}")
            yield json.loads(line)["port"]

    @contextlib.contextmanager
    def kernel_without_server(self) -> Iterator[str]:
        """Run a synthetic kernel, and yield its connection file."""
        ports = {
            name: free_port()
            for name in ("shell_port", "control_port", "stdin_port", "iopub_port", "hb_port")
        }
        connection = {
            "transport": "tcp",
            "ip": "127.0.0.1",
            "key": secrets.token_hex(32),
            "signature_scheme": "hmac-sha256",
        }
        file = self._directory / "direct-connection.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps(connection | ports))
        with running([str(self._programs / "synthetic_kernel"), str(file)], self._directory / "kernel.log"):
            yield str(file)

    def flood_baseline(self, case: FloodCase) -> Result:
        """Measure what the case is compared with, without a Jupyter server."""
        messages = f"--messages={case.messages}"
        if case.sockets == 1:
            return self._measure("pub_sub", messages, f"--size={case.size}")
        with self.writev_server() as port:
            target = [f"--port={port}", "--kernel-id=none", f"--sockets={case.sockets}"]
            return self._measure("ws_client", *target, "flood", messages, f"--size={case.size}")

    def flood(self, case: FloodCase, server: Server, messages: int, stalled: int = 0) -> Result:
        """Measure a server, on a kernel of its own."""
        with server.kernel() as kernel_id:
            sockets = [f"--sockets={case.sockets}", f"--stalled={stalled}"]
            target = [*server.client_arguments(kernel_id), *sockets]
            result = self._measure(
                "ws_client", *target, "flood", f"--messages={messages}", f"--size={case.size}"
            )
            return result | memory_mib(server.process.pid)

    def longest_wait(self, case: AnswerCase, server: Server) -> float:
        """Ask for GET /api while the messages pass, and return the milliseconds of the slowest answer."""
        with server.kernel() as kernel_id:
            passed = threading.Event()

            def pass_messages() -> None:
                try:
                    for _ in range(case.messages):
                        server.request(
                            "POST",
                            f"/api/nextgen/kernels/{kernel_id}/execute",
                            {"code": f"buffers {case.buffers} {case.size}"},
                        )
                finally:
                    passed.set()

            thread = threading.Thread(target=pass_messages)
            thread.start()
            longest = 0.0
            while not passed.is_set():
                begin = time.monotonic()
                server.request("GET", "/api")
                longest = max(longest, time.monotonic() - begin)
                time.sleep(0.001)
            thread.join()
            return 1000 * longest

    def round_trip_baseline(self, case: RoundTripCase) -> Result:
        """Measure the round trip without a server."""
        with self.kernel_without_server() as connection_file:
            return self._measure("direct_client", connection_file, f"--count={case.count}")

    def round_trip(self, server: Server, count: int) -> Result:
        """Measure the round trip through a server."""
        with server.kernel() as kernel_id:
            return self._measure(
                "ws_client", *server.client_arguments(kernel_id), "round-trip", f"--count={count}"
            )


@dataclass(frozen=True)
class Plan:
    """How one case is measured: each of these is one repetition."""

    measurements: Measurements
    baseline: Callable[[], Result]
    ours: Callable[[], Result]
    peer: Callable[[], Result] | None

    def run(self, repetitions: int, peer_repetitions: int) -> None:
        """Measure baseline and ours in turns, each first every other time; then the peer."""
        report_progress(self.measurements.case.name)
        for repetition in range(repetitions):
            turns = [(self.baseline, self.measurements.baseline), (self.ours, self.measurements.ours)]
            for measure, results in turns if repetition % 2 == 0 else reversed(turns):
                results.append(measure())
        if self.peer is not None:
            for _ in range(peer_repetitions):
                self.measurements.peer.append(self.peer())


def make_plans(benchmark: Benchmark, ours: Server, ours_tls: Server, peer: Server | None) -> list[Plan]:
    """Return how each case is measured."""

    def flood_plan(case: FloodCase) -> Plan:
        return Plan(
            Measurements(case),
            baseline=lambda: benchmark.flood_baseline(case),
            ours=lambda: benchmark.flood(case, ours, case.messages),
            peer=None if peer is None else lambda: benchmark.flood(case, peer, case.peer_messages),
        )

    def tls_plan(case: FloodCase) -> Plan:
        return Plan(
            Measurements(case),
            baseline=lambda: benchmark.flood(case, ours, case.messages),
            ours=lambda: benchmark.flood(case, ours_tls, case.messages),
            peer=None,
        )

    stalled_plan = Plan(
        Measurements(STALLED_CASE),
        baseline=lambda: benchmark.flood(STALLED_CASE, ours, STALLED_CASE.messages),
        ours=lambda: benchmark.flood(STALLED_CASE, ours, STALLED_CASE.messages, STALLED_CASE.stalled),
        peer=None,
    )

    case = ROUND_TRIP_CASE
    round_trip_plan = Plan(
        Measurements(case),
        baseline=lambda: benchmark.round_trip_baseline(case),
        ours=lambda: benchmark.round_trip(ours, case.count),
        peer=None if peer is None else lambda: benchmark.round_trip(peer, case.peer_count),
    )
    flood_plans = [flood_plan(case) for case in FLOOD_CASES]
    return [*flood_plans, round_trip_plan, stalled_plan, *(tls_plan(case) for case in TLS_CASES)]


def conclude(all_measurements: list[Measurements]) -> list[Ratio]:
    """Return the ratios, with the targets they are held to."""
    ratios = []
    for measured in all_measurements:
        case = measured.case
        paired = measured.paired_ratios()
        at_most = isinstance(case, RoundTripCase)
        ratios.append(
            Ratio(
                f"{case.name}: ours / {case.baseline}",
                statistics.median(paired),
                min(paired),
                max(paired),
                case.baseline_target,
                at_most,
            )
        )
    for measured in all_measurements:
        if not measured.peer:
            continue
        case = measured.case
        peer = measured.median(measured.peer)
        if isinstance(case, RoundTripCase):
            values = [peer / result[case.metric] for result in measured.ours]
            name, target = f"{case.name}: {PEER} / ours", None
        else:
            values = [result[case.metric] / peer for result in measured.ours]
            name, target = f"{case.name}: ours / {PEER}", case.peer_target
        ratios.append(Ratio(name, statistics.median(values), min(values), max(values), target))
    return ratios


def measure_answers(benchmark: Benchmark, ours: Server, repetitions: int) -> list[Ratio]:
    """Return how long others wait, held to their targets."""
    rows = []
    for case in ANSWER_CASES:
        report_progress(case.name)
        waits = [benchmark.longest_wait(case, ours) for _ in range(repetitions)]
        rows.append(
            Ratio(case.name, statistics.median(waits), min(waits), max(waits), case.target_ms, at_most=True)
        )
    return rows


def losses(all_measurements: list[Measurements]) -> list[str]:
    """Return a sentence for each repetition of ours in which a message was lost or came out of order."""
    found = []
    for measured in all_measurements:
        for result in measured.ours:
            if result.get("lost", 0) or result.get("out_of_order", 0):
                expected = result["deliveries"] + result["lost"]
                found.append(
                    f"{measured.case.name}: {result['lost']} of {expected} deliveries lost, "
                    f"{result['out_of_order']} out of order"
                )
    return found


def machine() -> Result:
    """Return what the absolute figures depend on."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    return {
        "processor": model,
        "processors": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.release()}",
        "load_average": round(os.getloadavg()[0], 2),
    }


def report_progress(text: str) -> None:
    """Tell a waiting user what is being measured."""
    print(f"measuring: {text}", file=sys.stderr, flush=True)


def format_value(case: FloodCase | RoundTripCase, value: float | None) -> str:
    """Return a figure with its unit."""
    if value is None:
        return "-"
    units = {"messages_per_second": "msg/s", "deliveries_per_second": "deliv/s", "p50_us": "us"}
    return f"{value:,.0f} {units[case.metric]}"


def print_table(rows: list[list[str]]) -> None:
    """Print columns, the first to the left and the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())


def print_report(
    all_measurements: list[Measurements], ratios: list[Ratio], where: Result, lost: list[str]
) -> None:
    """Print the figures, then the ratios."""
    print(f"{where['processors']} x {where['processor']}, {where['system']}, load {where['load_average']}")
    if where["load_average"] > where["processors"] / 4:
        print("The machine was busy when this began: take the ratios with care.")
    print("\nMedians:")
    rows = [["", "baseline", "", OURS, PEER]]
    for measured in all_measurements:
        peer = measured.median(measured.peer) if measured.peer else None
        rows.append(
            [
                measured.case.name,
                format_value(measured.case, measured.median(measured.baseline)),
                measured.case.baseline,
                format_value(measured.case, measured.median(measured.ours)),
                format_value(measured.case, peer),
            ]
        )
    print_table(rows)

    print("\nWhat the servers spent and lost:")
    rows = [["", "server", "CPU us/msg", "memory MiB", "lost", "p99 us"]]
    for measured in all_measurements:
        for name, results in ((OURS, measured.ours), (PEER, measured.peer)):
            if results:
                rows.append([measured.case.name, name, *describe_cost(results)])
    print_table(rows)
    for sentence in lost:
        print(f"LOST: {sentence}")

    print("\nRatios (median, lowest to highest of the repetitions):")
    rows = []
    for ratio in ratios:
        target = "" if ratio.target is None else f"target {'<=' if ratio.at_most else '>='} {ratio.target:g}"
        verdict = "" if ratio.target is None else "reached" if ratio.reached else "MISSED"
        rows.append(
            [ratio.name, f"{ratio.value:.2f}", f"{ratio.lowest:.2f} to {ratio.highest:.2f}", target, verdict]
        )
    print_table(rows)


def describe_cost(results: list[Result]) -> list[str]:
    """Return CPU, memory, loss and the slow end of one server in one case."""

    def median_of(name: str, digits: int) -> str:
        values = [result[name] for result in results if result.get(name) is not None]
        return f"{statistics.median(values):,.{digits}f}" if values else "-"

    lost = sum(result["lost"] for result in results) if "lost" in results[0] else None
    return [
        median_of("server_cpu_us_per_message", 1),
        median_of("resident_mib", 0),
        "-" if lost is None else str(lost),
        median_of("p99_us", 0),
    ]


def find_peer(arguments: argparse.Namespace) -> str | None:
    """Return the jupyter-server program, beside this Python or on the search path."""
    if arguments.skip_peer:
        return None
    beside = Path(sys.executable).parent / "jupyter-server"
    program = str(beside) if beside.exists() else shutil.which("jupyter-server")
    if program is None:
        print(
            "jupyter-server is not installed (benchmarks/requirements.txt): it is not measured.",
            file=sys.stderr,
        )
    return program


def as_json(all_measurements: list[Measurements], ratios: list[Ratio], where: Result) -> str:
    """Return everything that was measured."""
    document = {
        "machine": where,
        "cases": [
            {
                "name": measured.case.name,
                "metric": measured.case.metric,
                "baseline": {"name": measured.case.baseline, "results": measured.baseline},
                OURS: measured.ours,
                PEER: measured.peer,
            }
            for measured in all_measurements
        ],
        "ratios": [vars(ratio) | {"reached": ratio.reached} for ratio in ratios],
    }
    return json.dumps(document, indent=2) + "\n"


def parse_arguments() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--build-directory", type=Path, default=ROOT / "build" / "release", help="an optimized build"
    )
    parser.add_argument("--repetitions", type=int, default=5, help="of baseline and ours (default: 5)")
    parser.add_argument("--peer-repetitions", type=int, default=2, help="of jupyter_server (default: 2)")
    parser.add_argument("--skip-peer", action="store_true", help="do not measure jupyter_server")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every single measurement there")
    parser.add_argument("--check", action="store_true", help="exit with 1 when a target is missed")
    arguments = parser.parse_args()
    if arguments.repetitions < 1 or arguments.peer_repetitions < 1:
        parser.error("repetitions start at 1")
    return arguments


def measure(arguments: argparse.Namespace) -> tuple[list[Measurements], list[Ratio]]:
    """Start the servers, measure every case, and stop everything; the waits of others are ready ratios."""
    peer_program = find_peer(arguments)
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nextgen-kernels-bench-")))
        benchmark = Benchmark(arguments.build_directory.resolve(), directory)
        ours = stack.enter_context(benchmark.our_server())
        peer = stack.enter_context(benchmark.peer_server(peer_program)) if peer_program else None
        ours_tls = stack.enter_context(benchmark.our_tls_server())
        plans = make_plans(benchmark, ours, ours_tls, peer)
        for plan in plans:
            plan.run(arguments.repetitions, arguments.peer_repetitions)
        answers = measure_answers(benchmark, ours, arguments.repetitions)
        return [plan.measurements for plan in plans], answers


def main() -> int:
    """Run the benchmark; a lost message of ours, or a missed target with --check, is a failure."""
    arguments = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    where = machine()
    try:
        all_measurements, answers = measure(arguments)
    except (BenchmarkError, subprocess.TimeoutExpired, urllib.error.URLError) as error:
        print(f"benchmark: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    ratios = [*conclude(all_measurements), *answers]
    lost = losses(all_measurements)
    if arguments.json:
        arguments.json.write_text(as_json(all_measurements, ratios, where))
    print_report(all_measurements, ratios, where, lost)
    missed = arguments.check and not all(ratio.reached for ratio in ratios)
    return 1 if lost or missed else 0


if __name__ == "__main__":
    sys.exit(main())
