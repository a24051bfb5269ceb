#!/usr/bin/env python3
"""Measures the time from asking for a kernel to the reply of its first cell, cold and from the warm pool.

docs/benchmarks.md says how to read it.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

from run import ROOT, START_TIMEOUT, Benchmark, BenchmarkError, Server, machine

KERNEL_NAME = "python3"


def start_once(server: Server) -> float:
    """Start a kernel, run a cell in it, end it; return the seconds from the request to the cell's reply."""
    begin = time.monotonic()
    kernel_id = server.request("POST", "/api/kernels", {"name": KERNEL_NAME})["id"]
    reply = server.request("POST", f"/api/nextgen/kernels/{kernel_id}/execute", {"code": "6 * 7"})
    seconds = time.monotonic() - begin
    if reply["status"] != "ok":
        raise BenchmarkError(f"The first cell failed: {reply}")
    server.request("DELETE", f"/api/kernels/{kernel_id}")
    return seconds


def wait_for_pool(server: Server) -> None:
    """Wait until a kernel of the pool is ready."""
    end = time.monotonic() + START_TIMEOUT
    ready = re.compile(rf'^nextgen_kernels_pool_ready_kernels{{type="{KERNEL_NAME}"}} [1-9]', re.MULTILINE)
    while not ready.search(server.text("/metrics")):
        if time.monotonic() > end:
            raise BenchmarkError("The pool was not filled in time")
        time.sleep(0.05)


def report(name: str, seconds: list[float]) -> None:
    """Print one line: the median, and the ends."""
    low, middle, high = (
        f"{1000 * value:7.1f}" for value in (min(seconds), statistics.median(seconds), max(seconds))
    )
    print(f"{name:12} {middle} ms   ({low} to {high})")


def main() -> int:
    """Measure both in turns, and print the ratio last."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--build-directory", type=Path, default=ROOT / "build" / "release", help="an optimized build"
    )
    parser.add_argument("--repetitions", type=int, default=10, help="of each (default: 10)")
    arguments = parser.parse_args()
    where = machine()
    cold: list[float] = []
    pooled: list[float] = []
    try:
        with tempfile.TemporaryDirectory(prefix="nextgen-kernels-bench-") as directory:
            benchmark = Benchmark(arguments.build_directory.resolve(), Path(directory))
            pool = f"--MappingKernelManager.pool={KERNEL_NAME}=1"
            with benchmark.our_server() as without, benchmark.our_server(pool) as server:
                for _ in range(arguments.repetitions):
                    wait_for_pool(server)
                    pooled.append(start_once(server))
                    wait_for_pool(server)  # So that its start is not measured with the cold one.
                    cold.append(start_once(without))
    except BenchmarkError as error:
        print(f"benchmark: {error}", file=sys.stderr)
        return 1
    print(f"{where['processors']} x {where['processor']}, load {where['load_average']}")
    report("cold", cold)
    report("pool", pooled)
    ratios = [slow / fast for slow, fast in zip(cold, pooled, strict=True)]
    print(f"cold / pool: {statistics.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
