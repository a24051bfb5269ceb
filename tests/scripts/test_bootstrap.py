"""scripts/bootstrap installs what is missing, once, and says what is needed where it may not install."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = (
    "awk",
    "bash",
    "cat",
    "chmod",
    "cmp",
    "cp",
    "dirname",
    "env",
    "flock",
    "grep",
    "mkdir",
    "rm",
    "sh",
)

PACKAGES = """# a comment
[build]
compiler
library1 | library2

[run]
python3
[unit]
test-library
"""


@pytest.fixture
def machine(tmp_path):
    """A checkout on a machine of its own: only the commands that a test puts there, packages in a file."""
    checkout, commands = tmp_path / "checkout", tmp_path / "bin"
    for folder in (checkout / "scripts", checkout / "python", commands):
        folder.mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "bootstrap", checkout / "scripts")
    (checkout / "scripts" / "packages.txt").write_text(PACKAGES)
    (checkout / "python" / "requirements-kernel.txt").write_text("ipykernel\n")
    for name in COMMANDS:
        (commands / name).symlink_to(shutil.which(name))
    return Machine(tmp_path, checkout, commands)


class Machine:
    def __init__(self, folder, checkout, commands):
        self.folder, self.checkout, self.commands = folder, checkout, commands
        self.installed, self.calls = folder / "installed", folder / "calls"
        self.installed.write_text("")
        self.calls.write_text("")

    def command(self, name, text):
        path = self.commands / name
        path.write_text(f"#!/bin/bash\n{text}\n")
        path.chmod(0o755)

    def with_apt(self, known="compiler library2 python3 test-library"):
        self.command("dpkg-query", f"cat {self.installed}")
        self.command("apt-cache", f"[[ ' {known} ' == *\" $2 \"* ]]")
        self.command(
            "apt-get",
            f'echo "apt-get $*" >> {self.calls}; to_install=no\n'
            "for word; do\n"
            f'  [[ $to_install == no || $word == -* ]] || echo "installed $word" >> {self.installed}\n'
            "  if [[ $word == install ]]; then to_install=yes; fi\n"
            "done",
        )
        return self

    def with_python(self):
        """A python3 whose virtual environments are itself, and whose pip only notes that it was called."""
        python = self.folder / "python3"
        python.write_text(
            f"#!/bin/bash\n"
            f"last=${{@: -1}}\n"
            f'case "$*" in\n'
            f"--version) echo Python 3.11.2;;\n"
            f'*"-m venv"*) echo venv >> {self.calls}; rm -rf "$last"; mkdir -p "$last/bin"\n'
            f' cp "$0" "$last/bin/python3";;\n'
            f'*"-m pip"*) echo "pip $last" >> {self.calls};;\n'
            f"esac\n"
        )
        python.chmod(0o755)
        text = (self.checkout / "scripts" / "bootstrap").read_text()
        (self.checkout / "scripts" / "bootstrap").write_text(text.replace("/usr/bin/python3", str(python)))
        return self

    def without_root(self):
        """Bash cannot be told another EUID, so the script is."""
        text = (self.checkout / "scripts" / "bootstrap").read_text()
        assert "$EUID -ne 0" in text
        (self.checkout / "scripts" / "bootstrap").write_text(text.replace("$EUID -ne 0", "1000 -ne 0"))
        return self

    def with_root(self):
        text = (self.checkout / "scripts" / "bootstrap").read_text()
        (self.checkout / "scripts" / "bootstrap").write_text(text.replace("$EUID -ne 0", "0 -ne 0"))
        return self

    def bootstrap(self, goal="run", **environment):
        return subprocess.run(
            [str(self.checkout / "scripts" / "bootstrap"), goal],
            env={"PATH": str(self.commands), "HOME": os.environ["HOME"]} | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )

    def calls_made(self):
        return self.calls.read_text().splitlines()


def test_missing_packages_are_installed_and_a_second_run_does_nothing(machine):
    machine.with_apt().with_python().with_root()
    machine.installed.write_text("installed compiler\nconfig-files python3\n")
    first = machine.bootstrap()
    assert first.returncode == 0, first.stderr
    update, install, venv, pip = machine.calls_made()
    assert update.endswith(" update")
    assert install.endswith(" install -y --no-install-recommends library2 python3")
    assert (venv, pip) == ("venv", "pip --requirement=python/requirements-kernel.txt")

    machine.calls.write_text("")
    second = machine.bootstrap()
    assert second.returncode == 0, second.stderr
    assert machine.calls_made() == []
    assert second.stderr == ""


def test_changed_requirements_are_installed_again(machine):
    machine.with_apt().with_python().with_root()
    machine.bootstrap()
    machine.calls.write_text("")
    (machine.checkout / "python" / "requirements-kernel.txt").write_text("ipykernel>1\n")
    assert machine.bootstrap().returncode == 0
    assert machine.calls_made() == ["pip --requirement=python/requirements-kernel.txt"]


def test_a_moved_checkout_gets_a_new_environment(machine):
    machine.with_apt().with_python().with_root()
    machine.bootstrap()
    machine.calls.write_text("")
    machine.checkout = machine.checkout.rename(machine.folder / "elsewhere")
    assert machine.bootstrap().returncode == 0
    assert machine.calls_made() == ["venv", "pip --requirement=python/requirements-kernel.txt"]


def test_a_goal_takes_only_its_own_packages(machine):
    machine.with_apt().with_python().with_root()
    machine.installed.write_text("installed compiler\ninstalled library1\ninstalled python3\n")
    assert machine.bootstrap("run").returncode == 0
    assert not any("apt-get" in call for call in machine.calls_made())
    assert machine.bootstrap("sanitize").returncode == 0
    assert any(call.endswith("--no-install-recommends test-library") for call in machine.calls_made())


def test_without_rights_the_packages_are_listed(machine):
    machine.with_apt().without_root()
    machine.installed.write_text("installed compiler\n")
    done = machine.bootstrap()
    assert done.returncode == 1
    assert "no rights to install packages" in done.stderr
    assert "\n  library1 | library2\n  python3\n" in done.stderr
    assert "apt-get install -y --no-install-recommends library2 python3\n" in done.stderr
    assert machine.calls_made() == []


def test_sudo_is_used_where_it_works_without_a_question(machine):
    machine.with_apt().with_python().without_root()
    machine.command(
        "sudo", f'if [[ $1 == -n ]]; then shift; fi; echo "sudo $1" >> {machine.calls}; exec "$@"'
    )
    machine.command("true", "exit 0")
    assert machine.bootstrap().returncode == 0
    assert machine.calls_made()[1] == "sudo env"


def test_another_system_is_told_the_whole_list(machine):
    done = machine.bootstrap()
    assert done.returncode == 1
    assert "this machine has no apt" in done.stderr
    assert "\n  compiler\n  library1 | library2\n  python3\n" in done.stderr
    assert "NK_SYSTEM_PACKAGES=assume" in done.stderr


def test_packages_can_be_left_to_the_user(machine):
    machine.with_python()
    assert machine.bootstrap(NK_SYSTEM_PACKAGES="assume").returncode == 0
    assert machine.calls_made() == ["venv", "pip --requirement=python/requirements-kernel.txt"]


def test_a_failed_pip_is_tried_again_by_the_next_run(machine):
    machine.with_apt().with_python().with_root()
    machine.bootstrap()
    (machine.checkout / "python" / "requirements-kernel.txt").write_text("unheard-of\n")
    python = machine.checkout / ".venv" / "bin" / "python3"
    works = python.read_text()
    python.write_text("#!/bin/bash\n[[ $* != *pip* ]]\n")
    failed = machine.bootstrap()
    assert failed.returncode == 1
    assert "pip failed" in failed.stderr
    python.write_text(works)
    machine.calls.write_text("")
    assert machine.bootstrap().returncode == 0
    assert machine.calls_made() == ["pip --requirement=python/requirements-kernel.txt"]


def test_a_node_of_our_own_is_installed_where_the_machine_has_an_old_one(machine):
    machine.with_apt().with_python().with_root()
    folder = machine.checkout / "tests" / "e2e"
    (folder / "node_modules").mkdir(parents=True)
    (folder / "package-lock.json").write_text("{}")
    (machine.checkout / "python" / "requirements-node.txt").write_text("nodejs\n")
    machine.command("npm", f'echo "npm $1" >> {machine.calls}')

    machine.command("node", "echo v20.1.0")
    assert machine.bootstrap("test").returncode == 0
    assert machine.calls_made()[-2:] == ["pip --requirement=python/requirements-kernel.txt", "npm ci"]

    machine.calls.write_text("")
    machine.command("node", "echo v18.20.4")
    assert machine.bootstrap("test").returncode == 0
    assert machine.calls_made() == ["pip --requirement=python/requirements-node.txt"]


def test_an_unknown_goal_is_refused_with_the_known_ones(machine):
    done = machine.bootstrap("everything")
    assert done.returncode == 1
    assert "unknown goal 'everything'; one of: run lab test" in done.stderr


def test_every_group_of_packages_is_used_and_every_package_listed_once():
    groups, packages = [], []
    for line in (ROOT / "scripts" / "packages.txt").read_text().splitlines():
        if line.startswith("["):
            groups.append(line.strip("[]"))
        elif line and not line.startswith("#"):
            packages += line.split(" | ")
    script = (ROOT / "scripts" / "bootstrap").read_text()
    assert all(group in script for group in groups)
    assert len(packages) == len(set(packages))
