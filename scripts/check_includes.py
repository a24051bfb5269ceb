#!/usr/bin/env python3
"""Hold the includes and the CMake link lines of the sources to the layers in scripts/layers.toml."""

from __future__ import annotations

import argparse
import fnmatch
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
LINK_CALL = re.compile(r"\b(nk_library|target_link_libraries)\s*\(([^)]*)\)")
EVERY_FOLDER = "*"
PUBLIC_API = "include/nextgen_kernels"
#: What <cstddef> and <cstdint> are called in a header that is C, too: the plugin ABI.
C_HEADERS = {"stddef.h", "stdint.h"}


class LayersError(Exception):
    """The table itself is wrong."""


@dataclass(frozen=True)
class Complaint:
    """One broken rule, at one line."""

    path: Path
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


@dataclass(frozen=True)
class Library:
    """A third-party library: its headers, its CMake targets, and whether one .cpp must hide it."""

    headers: tuple[str, ...]
    targets: tuple[str, ...]
    one_file: bool


@dataclass(frozen=True)
class Layers:
    """The table of layers.toml."""

    may_use: dict[str, frozenset[str]]
    allowed_libraries: dict[str, frozenset[str]]
    libraries: dict[str, Library]
    system_headers: tuple[str, ...]

    @staticmethod
    def load(path: Path) -> Layers:
        """Read the table; raises LayersError when it contradicts itself."""
        table = tomllib.loads(path.read_text())
        folders = table["folders"]
        libraries = {
            name: Library(tuple(entry["headers"]), tuple(entry["targets"]), entry.get("one_file", False))
            for name, entry in table["libraries"].items()
        }
        for name, entry in folders.items():
            for used in entry["may_use"]:
                if used != EVERY_FOLDER and used not in folders:
                    raise LayersError(f"{path}: {name} may use '{used}', which is no folder of the table")
            for used in entry.get("libraries", []):
                if used not in libraries:
                    raise LayersError(f"{path}: {name} may use '{used}', which is no library of the table")
        for name in folders:
            _refuse_circle(path, folders, name)
        return Layers(
            may_use={
                name: frozenset(folders if EVERY_FOLDER in entry["may_use"] else entry["may_use"])
                for name, entry in folders.items()
            },
            allowed_libraries={
                name: frozenset(entry.get("libraries", [])) for name, entry in folders.items()
            },
            libraries=libraries,
            system_headers=tuple(table["system"]["headers"]),
        )

    def rule_for(self, folder: str) -> str | None:
        """Return the name of the row that governs a folder: 'clients/zmq' is governed by 'clients/*'."""
        return next((name for name in self.may_use if fnmatch.fnmatchcase(folder, name)), None)

    def folder_of(self, path: str) -> str | None:
        """Return the folder a path below src/ belongs to: 'clients/zmq/a.h' belongs to 'clients/zmq'."""
        parts = path.split("/")[:-1]
        for length in range(len(parts), 0, -1):
            folder = "/".join(parts[:length])
            rule = self.rule_for(folder)
            if rule is not None and rule.count("/") == folder.count("/"):
                return folder
        return None

    def may_know(self, folder: str, other: str) -> bool:
        """Say whether one folder may include or link another."""
        rule, other_rule = self.rule_for(folder), self.rule_for(other)
        if folder == other or other == PUBLIC_API:
            return True
        return rule is not None and other_rule in self.may_use[rule]

    def library_of_header(self, header: str) -> str | None:
        """Return the library that a header belongs to."""
        return next((n for n, lib in self.libraries.items() if _matches(header, lib.headers)), None)

    def library_of_target(self, target: str) -> str | None:
        """Return the library that a CMake target belongs to."""
        return next((n for n, lib in self.libraries.items() if target in lib.targets), None)


def _refuse_circle(path: Path, folders: dict, name: str) -> None:
    """Raise LayersError when `name` may use itself through other folders."""
    reached: set[str] = set()
    waiting = [name]
    while waiting:
        for used in folders[waiting.pop()]["may_use"]:
            if used == name:
                raise LayersError(
                    f"{path}: {name} may use itself through other folders: the layers form a circle"
                )
            if used != EVERY_FOLDER and used not in reached:
                reached.add(used)
                waiting.append(used)


def _matches(header: str, patterns: tuple[str, ...]) -> bool:
    return any(header.startswith(p) if p.endswith("/") else header == p for p in patterns)


def includes_of(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield line number, opening delimiter and header of each include outside block comments."""
    without_comments = re.sub(r"/\*.*?\*/", lambda m: "\n" * m.group().count("\n"), text, flags=re.DOTALL)
    for number, line in enumerate(without_comments.splitlines(), start=1):
        if found := INCLUDE.match(line):
            yield number, found.group(1), found.group(2)


@dataclass
class Folder:
    """What one folder of the sources includes and links, gathered while its files are read."""

    name: str
    #: folder it includes -> first place
    included: dict[str, tuple[Path, int]] = field(default_factory=dict)
    #: folder it links -> place
    linked: dict[str, tuple[Path, int]] = field(default_factory=dict)
    #: one_file library -> the .cpp files that include it, with the line
    hidden: dict[str, dict[Path, int]] = field(default_factory=dict)
    has_build_file: bool = False


class Checker:
    """Walks the tree once and collects complaints."""

    def __init__(self, root: Path, layers: Layers) -> None:
        self.root = root
        self.layers = layers
        self.folders: dict[str, Folder] = {}
        self.complaints: list[Complaint] = []

    def check(self) -> list[Complaint]:
        """Return every broken rule of the tree, in the order of files and lines."""
        for base in (self.root / "src", self.root / PUBLIC_API):
            for path in sorted(p for p in base.rglob("*") if p.suffix in {".h", ".hpp", ".cpp"}):
                self._check_source(path)
        for path in sorted((self.root / "src").rglob("CMakeLists.txt")):
            self._check_build_file(path)
        self._check_links_cover_includes()
        self._check_hidden_libraries()
        return sorted(self.complaints, key=lambda c: (c.path, c.line))

    def _complain(self, path: Path, line: int, text: str) -> None:
        self.complaints.append(Complaint(path.relative_to(self.root), line, text))

    def _folder_of(self, path: Path) -> str | None:
        if path.is_relative_to(self.root / PUBLIC_API):
            return PUBLIC_API
        return self.layers.folder_of(path.relative_to(self.root / "src").as_posix())

    def _check_source(self, path: Path) -> None:
        name = self._folder_of(path)
        if name is None:
            self._complain(path, 1, "its folder is not in scripts/layers.toml; add it with what it may use")
            return
        folder = self.folders.setdefault(name, Folder(name))
        for line, delimiter, header in includes_of(path.read_text()):
            if header.startswith("nextgen_kernels/"):
                continue
            if delimiter == '"':
                self._check_own_header(folder, path, line, header)
            else:
                self._check_other_header(folder, path, line, header)

    def _check_own_header(self, folder: Folder, path: Path, line: int, header: str) -> None:
        if not (self.root / "src" / header).is_file():
            self._complain(
                path, line, f'"{header}" is no file below src/; write "folder/file.h", others in <>'
            )
            return
        other = self.layers.folder_of(header)
        if other is None:
            self._complain(path, line, f'the folder of "{header}" is not in scripts/layers.toml')
        elif not self.layers.may_know(folder.name, other):
            self._complain(path, line, f'{folder.name} may not include "{header}": {self._may(folder.name)}')
        elif other != folder.name:
            folder.included.setdefault(other, (path, line))

    def _check_other_header(self, folder: Folder, path: Path, line: int, header: str) -> None:
        library = self.layers.library_of_header(header)
        if library is None:
            is_standard = "." not in header and "/" not in header
            is_standard |= folder.name == PUBLIC_API and header in C_HEADERS
            is_system = _matches(header, self.layers.system_headers)
            if is_standard or (is_system and folder.name != PUBLIC_API):
                return
            if is_system:
                self._complain(path, line, f"<{header}>: {PUBLIC_API} is standard C++ only")
            else:
                self._complain(
                    path, line, f"<{header}> is of no library or system folder in scripts/layers.toml"
                )
            return
        rule = self.layers.rule_for(folder.name)
        if library not in self.layers.allowed_libraries[rule]:
            users = [n for n, allowed in self.layers.allowed_libraries.items() if library in allowed]
            self._complain(
                path, line, f"<{header}>: {library} is for {', '.join(users)} only, not {folder.name}"
            )
        elif self.layers.libraries[library].one_file:
            if path.suffix == ".cpp":
                folder.hidden.setdefault(library, {}).setdefault(path, line)
            else:
                self._complain(path, line, f"<{header}>: {library} stays inside one .cpp, never in a header")

    def _may(self, folder: str) -> str:
        allowed = sorted(self.layers.may_use[self.layers.rule_for(folder)])
        return f"it may use {', '.join(allowed) or 'no other folder'}"

    def _check_build_file(self, path: Path) -> None:
        name = self._folder_of(path)
        if name is None:
            return
        folder = self.folders.setdefault(name, Folder(name))
        folder.has_build_file = True
        text = re.sub(r"#[^\n]*", "", path.read_text())
        for call in LINK_CALL.finditer(text):
            for word in re.finditer(r"\S+", call.group(2)):
                line = text.count("\n", 0, call.start(2) + word.start()) + 1
                self._check_link(folder, path, line, word.group())

    def _check_link(self, folder: Folder, path: Path, line: int, target: str) -> None:
        rule = self.layers.rule_for(folder.name)
        if library := self.layers.library_of_target(target):
            if library not in self.layers.allowed_libraries[rule]:
                self._complain(
                    path, line, f"{folder.name} may not link {target}: {library} is not among its libraries"
                )
        elif target.startswith("nk_") and target != "nk_options":
            other = self._folder_of_target(target)
            if other is None:
                return  # a target of another name inside the same folder; CMake knows whether it exists
            if not self.layers.may_know(folder.name, other):
                self._complain(path, line, f"{folder.name} may not link {target}: {self._may(folder.name)}")
            elif other != folder.name:
                folder.linked.setdefault(other, (path, line))
        elif "::" in target:
            self._complain(path, line, f"{target} is of no library in scripts/layers.toml")

    def _folder_of_target(self, target: str) -> str | None:
        name = target.removeprefix("nk_")
        candidates = [p.parent for p in (self.root / "src").rglob("CMakeLists.txt")]
        paths = (c.relative_to(self.root / "src").as_posix() for c in candidates)
        return next((p for p in paths if p.replace("/", "_") == name), None)

    def _check_links_cover_includes(self) -> None:
        for folder in self.folders.values():
            if not folder.has_build_file:
                continue
            reached, waiting = set(), list(folder.linked)
            while waiting:
                other = waiting.pop()
                if other not in reached:
                    reached.add(other)
                    waiting += self.folders[other].linked if other in self.folders else []
            for other, (path, line) in folder.included.items():
                if other not in reached and other != PUBLIC_API:
                    target = "nk_" + other.replace("/", "_")
                    self._complain(path, line, f"{folder.name} includes {other} but does not link {target}")

    def _check_hidden_libraries(self) -> None:
        for folder in self.folders.values():
            for library, places in folder.hidden.items():
                first, *others = sorted(places)
                for path in others:
                    where = first.relative_to(self.root)
                    self._complain(
                        path, places[path], f"{library} is already hidden in {where}; one .cpp only"
                    )


def main(arguments: list[str] | None = None) -> int:
    """Check a tree; the exit status says whether it keeps the rules."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--root", type=Path, default=Path(__file__).resolve().parent.parent, help="the checkout"
    )
    options = parser.parse_args(arguments)
    root = options.root.resolve()
    try:
        complaints = Checker(root, Layers.load(root / "scripts" / "layers.toml")).check()
    except LayersError as error:
        print(error, file=sys.stderr)
        return 2
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
