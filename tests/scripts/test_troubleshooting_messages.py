"""The messages that docs/extending/troubleshooting.md explains are messages of the program."""

from __future__ import annotations

import functools
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "extending" / "troubleshooting.md"
_STRING = re.compile(r'R"\((?P<raw>.*?)\)"|"(?P<plain>(?:[^"\\\n]|\\.)*)"', re.DOTALL)
_ADJACENT_STRINGS = re.compile(r'(?:(?:R"\(.*?\)"|"(?:[^"\\\n]|\\.)*")\s*)+', re.DOTALL)


@functools.cache
def messages_of_the_program() -> list[str]:
    """The string literals of the sources, those that the compiler joins in one."""
    messages = []
    for path in sorted((ROOT / "src").rglob("*")):
        if path.suffix not in {".cpp", ".h"}:
            continue
        code = re.sub(r"//[^\n]*", "", path.read_text())
        for literal in _ADJACENT_STRINGS.finditer(code):
            parts = [part["raw"] or part["plain"] or "" for part in _STRING.finditer(literal[0])]
            messages.append("".join(parts).replace('\\"', '"'))
    return messages


def explained_messages() -> list[str]:
    """What stands in the first column of the tables whose heading is "message"."""
    messages = []
    in_table = False
    for line in DOCUMENT.read_text().splitlines():
        if not line.startswith("|"):
            in_table = False
        elif line.startswith("| message |"):
            in_table = True
        elif in_table and not line.startswith("|---"):
            messages.append(re.match(r"\| `([^`]+)` \|", line)[1])
    return messages


def stands_for(explained: str, message: str) -> bool:
    """Whether a message can look as explained, where an ellipsis is anything."""
    fragments = [re.escape(fragment) for fragment in explained.split("…")]
    return re.search(".*".join(fragments), message, re.DOTALL) is not None


@pytest.mark.parametrize("explained", explained_messages())
def test_an_explained_message_occurs_in_the_program(explained: str) -> None:
    assert any(stands_for(explained, message) for message in messages_of_the_program()), explained


def test_what_the_program_does_not_say_is_found_out() -> None:
    assert not any(stands_for("its library … is purple", message) for message in messages_of_the_program())
    assert len(explained_messages()) > 60
