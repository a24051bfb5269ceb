"""What `cmake --install` installs, and programs that are built with it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from harness.server import server_command

WARNINGS = "-Wall -Wextra -Wpedantic -Werror"
#: Compiling on a loaded machine takes its time.
BUILD_PATIENCE = 600.0


def run(*command: str | Path, cwd: Path | None = None, **environment: str) -> str:
    """Run a command that must succeed, and return what it printed."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=BUILD_PATIENCE,
        check=False,
    )
    assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"
    return done.stdout


def install(component: str, prefix: Path) -> Path:
    """Install a component as a package manager would, and nothing else of the tree; returns `prefix`."""
    build = Path(server_command()[0]).parents[1]
    run("cmake", "--install", build, "--component", component, "--prefix", prefix)
    return prefix


def pkg_config(prefix: Path, package: str, *question: str) -> list[str]:
    """What pkg-config says of an installed package."""
    file = next(prefix.rglob(f"{package}.pc"))
    return run("pkg-config", *question, package, PKG_CONFIG_PATH=str(file.parent)).split()
