"""What the document checks need to know of Markdown: fenced blocks, headings, links."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^(?P<indent> {0,3})(?P<fence>`{3,}|~{3,})\s*(?P<info>[^`]*)$")
HEADING = re.compile(r"^ {0,3}#{1,6}\s+(?P<text>.*?)\s*#*\s*$")
LINK = re.compile(r"!?\[(?:[^\]\[]|\[[^\]]*\])*\]\(\s*<?(?P<target>[^\s)>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
REFERENCE = re.compile(r"^ {0,3}\[[^\]]+\]:\s+<?(?P<target>[^\s>]+)>?")
CODE_SPAN = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)")


@dataclass(frozen=True)
class Block:
    """A fenced block: `info` is the words after the fence, `line` that of the opening fence."""

    line: int
    info: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class Link:
    """The target of a link and the line it is on."""

    line: int
    target: str


@dataclass(frozen=True)
class Document:
    """One Markdown text, taken apart."""

    blocks: tuple[Block, ...]
    anchors: frozenset[str]
    links: tuple[Link, ...]


def parse(text: str) -> Document:
    """Take a Markdown text apart; a fence that is never closed reaches to the end, as on GitHub."""
    blocks: list[Block] = []
    links: list[Link] = []
    anchors: dict[str, int] = {}
    open_fence: re.Match[str] | None = None
    opened_at, inside = 0, []
    for number, line in enumerate(text.splitlines(), start=1):
        if open_fence is not None:
            if _closes(line, open_fence["fence"]):
                blocks.append(Block(opened_at, tuple(open_fence["info"].split()), "".join(inside)))
                open_fence = None
            else:
                inside.append(line.removeprefix(open_fence["indent"]) + "\n")
        elif found := FENCE.match(line):
            open_fence, opened_at, inside = found, number, []
        else:
            if heading := HEADING.match(line):
                _add_anchor(anchors, heading["text"])
            plain = CODE_SPAN.sub("", line)
            links += [Link(number, found["target"]) for found in LINK.finditer(plain)]
            links += [Link(number, found["target"]) for found in REFERENCE.finditer(plain)]
    if open_fence is not None:
        blocks.append(Block(opened_at, tuple(open_fence["info"].split()), "".join(inside)))
    return Document(tuple(blocks), frozenset(anchors), tuple(links))


def documents_of(root: Path) -> list[Path]:
    """Return the Markdown files of a checkout that its users read: what git knows or would add."""
    command = ["git", "-C", str(root), "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return sorted({root / name for name in listed if (root / name).is_file()})


def _closes(line: str, fence: str) -> bool:
    stripped = line.strip()
    return len(stripped) >= len(fence) and set(stripped) == {fence[0]} and not line.startswith("    ")


def _add_anchor(anchors: dict[str, int], heading: str) -> None:
    """Add the anchor GitHub gives a heading: lower case, no punctuation, numbered when it repeats."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
    slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
    seen = anchors.get(slug)
    anchors[slug] = 0 if seen is None else seen + 1
    if seen is not None:
        anchors[f"{slug}-{seen + 1}"] = 0
