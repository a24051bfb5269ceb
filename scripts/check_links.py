#!/usr/bin/env python3
"""Check that the relative links of the Markdown files lead somewhere, anchors included."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

from markdown_text import documents_of, parse


def broken_links(root: Path, documents: list[Path]) -> list[str]:
    """Return a complaint for each link into the checkout that leads nowhere."""
    parsed = {path: parse(path.read_text()) for path in documents}
    complaints = []
    for path, document in parsed.items():
        for link in document.links:
            parts = urlsplit(link.target)
            if parts.scheme or parts.netloc:
                continue
            if reason := _reason(root, path, unquote(parts.path), parts.fragment, parsed):
                complaints.append(f"{path.relative_to(root)}:{link.line}: {link.target}: {reason}")
    return complaints


def _reason(root: Path, path: Path, target: str, fragment: str, parsed: dict) -> str | None:
    other = path if not target else (path.parent / target).resolve()
    if target.startswith("/"):
        return "an absolute path works on no other machine; write it relative to this file"
    if not other.is_relative_to(root):
        return "it leaves the checkout"
    if not other.exists():
        return "no such file"
    if fragment and other in parsed and fragment not in parsed[other].anchors:
        return f"no heading of {other.relative_to(root)} has this anchor"
    return None


def main(arguments: list[str] | None = None) -> int:
    """Check a checkout; the exit status says whether every link leads somewhere."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--root", type=Path, default=Path(__file__).resolve().parent.parent, help="the checkout"
    )
    root = parser.parse_args(arguments).root.resolve()
    complaints = broken_links(root, documents_of(root))
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
