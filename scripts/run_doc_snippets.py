#!/usr/bin/env python3
"""Run the snippets of the documents, so that what they show is true.

A shell or Python block says after its language what becomes of it: ``run`` or ``skip``. The blocks of one
document run in order, in one bash and one temporary directory, so that a later block sees what an earlier
one made. In a ``console run`` block, lines after ``$`` are commands (``>`` continues one) and the others are
their output, where ``...`` stands for anything. ``json`` blocks must parse.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_text import Block, documents_of, parse

ROOT = Path(__file__).resolve().parent.parent
SHELL = {"sh", "bash", "console"}
RUNNABLE = SHELL | {"python"}
SECONDS_PER_DOCUMENT = 300
SECONDS_TO_STOP = 5


class SnippetError(Exception):
    """A block that cannot be run as it is written, or did not do what the document says."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line = line


@dataclass(frozen=True)
class Step:
    """Something for bash to do: a line of the document, the commands, and the output they must have."""

    line: int
    commands: str
    expected: str | None


def steps_of(text: str) -> list[Step]:
    """Return the steps of a document; raises SnippetError for a block that is not written as it must be."""
    return [step for block in parse(text).blocks for step in _steps_of_block(block)]


def _steps_of_block(block: Block) -> Iterator[Step]:
    language, fate = (*block.info, "", "")[:2]
    if language == "json" and fate != "skip":
        try:
            json.loads(block.text)
        except ValueError as error:
            raise SnippetError(block.line, f"this json block does not parse: {error}") from error
    if language not in RUNNABLE:
        return
    if fate not in {"run", "skip"}:
        raise SnippetError(
            block.line, f"say what becomes of this block: ```{language} run, or ```{language} skip"
        )
    if fate == "skip":
        return
    if language == "console":
        yield from _console_steps(block)
    elif language == "python":
        yield Step(block.line, f"python3 - <<'END-OF-SNIPPET'\n{block.text}END-OF-SNIPPET", None)
    else:
        yield Step(block.line, block.text, None)


def _console_steps(block: Block) -> Iterator[Step]:
    line_number, commands, output = block.line, "", ""
    for number, line in enumerate(block.text.splitlines(), start=block.line + 1):
        if line.startswith("$ "):
            if commands:
                yield Step(line_number, commands, output)
            line_number, commands, output = number, line[2:], ""
        elif line.startswith("> ") and not output:
            commands += "\n" + line[2:]
        elif not commands:
            raise SnippetError(number, "a console block begins with '$ ' and a command")
        else:
            output += line + "\n"
    if commands:
        yield Step(line_number, commands, output)


def matches(expected: str, actual: str) -> bool:
    """Compare outputs; `...` stands for the rest of a line, or for any lines where it is alone on one."""
    pattern = ""
    for line in expected.strip().splitlines():
        if line.strip() == "...":
            pattern += r"(?:[^\n]*\n)*?"
        else:
            pattern += re.escape(line.rstrip()).replace(r"\.\.\.", r"[^\n]*") + "\n"
    tidied = "".join(line.rstrip() + "\n" for line in actual.strip().splitlines())
    return re.fullmatch(pattern, tidied) is not None


def run_steps(steps: list[Step], bin_dir: Path) -> None:
    """Run the steps of one document in one bash; raises SnippetError for the first that fails."""
    with tempfile.TemporaryDirectory(prefix="doc-snippets-", ignore_cleanup_errors=True) as name:
        outputs, work = Path(name, "outputs"), Path(name, "work")
        outputs.mkdir()
        work.mkdir()
        script = Path(name, "document.sh")
        script.write_text(_script(steps, outputs))
        process = subprocess.Popen(
            ["bash", str(script)],
            cwd=work,
            env=_environment(bin_dir, Path(name, "home")),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            status = process.wait(SECONDS_PER_DOCUMENT)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            _stop_group(process)
        _judge(steps, outputs, status)


def _script(steps: list[Step], outputs: Path) -> str:
    parts = ["set -euo pipefail\n"]
    for index, step in enumerate(steps):
        parts.append(f"{{\n{step.commands.rstrip()}\n}} >{shlex.quote(str(outputs / str(index)))} 2>&1\n")
    return "".join(parts)


def _environment(bin_dir: Path, home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "IPYTHON"))}
    home.mkdir()
    venv = ROOT / ".venv"
    path = os.pathsep.join([str(bin_dir), str(venv / "bin"), kept.get("PATH", os.defpath)])
    return kept | {"PATH": path, "HOME": str(home), "VIRTUAL_ENV": str(venv), "NK_SOURCE_DIR": str(ROOT)}


def _stop_group(process: subprocess.Popen) -> None:
    """End what the snippets left running in the background, such as a server."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        deadline = time.monotonic() + SECONDS_TO_STOP
        while time.monotonic() < deadline:
            process.poll()
            os.killpg(process.pid, 0)
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _judge(steps: list[Step], outputs: Path, status: int | None) -> None:
    begun = [index for index in range(len(steps)) if (outputs / str(index)).exists()]
    for index in begun:
        step, output = steps[index], (outputs / str(index)).read_text(errors="replace")
        is_last = index == begun[-1]
        if is_last and status is None:
            raise SnippetError(
                step.line, f"not done after {SECONDS_PER_DOCUMENT} s; its output so far:\n{output}"
            )
        if is_last and status != 0:
            raise SnippetError(step.line, f"failed with status {status}; its output:\n{output}")
        if step.expected is not None and not matches(step.expected, output):
            raise SnippetError(
                step.line,
                f"the output is not what the document shows.\nshown:\n{step.expected}\nis:\n{output}",
            )
    if len(begun) < len(steps):
        raise SnippetError(steps[len(begun)].line, f"never reached: bash ended with status {status}")


def main(arguments: list[str] | None = None) -> int:
    """Run the documents named, or README.md and docs/; the exit status says whether all of it worked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--bin-dir", type=Path, required=True, help="where nextgen-kernels is; first on the PATH"
    )
    parser.add_argument(
        "documents", nargs="*", type=Path, help="Markdown files (default: README.md and docs/)"
    )
    options = parser.parse_args(arguments)
    documents = options.documents or [
        path
        for path in documents_of(ROOT)
        if path == ROOT / "README.md" or path.is_relative_to(ROOT / "docs")
    ]
    failed = False
    for path in documents:
        try:
            steps = steps_of(path.read_text())
            run_steps(steps, options.bin_dir.resolve())
            print(f"{os.path.relpath(path)}: {len(steps)} steps run")
        except SnippetError as error:
            failed = True
            print(f"{os.path.relpath(path)}:{error.line}: {error}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
