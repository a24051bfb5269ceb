"""The registry as operators see it: packages that are found, the `registry` command, its REST API."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import pty
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests
from conftest import ServerFactory
from harness.server import Server, is_stock, isolated_environment, server_command
from harness.waiting import PATIENCE

pytestmark = pytest.mark.skipif(is_stock(), reason="a command of our program")

LOCAL = "jupyter_client.provisioning.local_provisioner:LocalProvisioner"
SHARED_CLIENT = "nextgen_kernels_api.services.kernels.client:JupyterServerKernelClient"
HOSTS_NO_PYTHON = "its class is Python, and this build hosts no Python classes"


class Site:
    """A machine with a Python package that brings a provisioner, and a native plugin with another one."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.python = home / "site-packages"
        self.plugins = home / "plugins"
        self.plugins.mkdir()
        entry_points = self.python / "spark_kernels-1.2.dist-info" / "entry_points.txt"
        entry_points.parent.mkdir(parents=True)
        entry_points.write_text(
            "[jupyter_client.kernel_provisioners]\n"
            "spark-provisioner = spark_kernels:SparkProvisioner\n"
            "[jupyter_kernel_client_registry]\n"
            "spark_kernels:SparkProvisioner = spark_kernels:SparkClient\n"
        )
        (home / "liblimited.so").touch()
        self.write_manifest("limited.json")
        spec = home / "data" / "kernels" / "spark" / "kernel.json"
        spec.parent.mkdir(parents=True)
        spec.write_text(
            json.dumps(
                {
                    "argv": ["spark-kernel", "{connection_file}"],
                    "display_name": "Spark",
                    "language": "scala",
                    "metadata": {"kernel_provisioner": {"provisioner_name": "spark-provisioner"}},
                }
            )
        )

    @property
    def options(self) -> list[str]:
        return [f"--plugin-path={self.plugins}", f"--python-path={self.python}"]

    def write_manifest(self, name: str, **changes: Any) -> None:
        """Install a plugin whose provisioner derives from the local one."""
        manifest = {
            "manifest_version": 1,
            "package": "limited-kernels",
            "version": "1.0.0",
            "abi": 1,
            "library": "../liblimited.so",
            "classes": [{"reference": "limited:Provisioner", "kind": "provisioner", "bases": [LOCAL]}],
            "entry_points": {
                "jupyter_client.kernel_provisioners": {"limited-provisioner": "limited:Provisioner"}
            },
        }
        (self.plugins / name).write_text(json.dumps(manifest | changes))

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the program to its end."""
        return subprocess.run(
            [server_command()[0], *arguments, *self.options],
            cwd=self.home,
            env=isolated_environment(self.home),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def json(self, *arguments: str) -> Any:
        """What a command says with `--json`."""
        done = self.run(*arguments, "--json")
        assert done.stderr == ""
        return json.loads(done.stdout)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A machine of one test."""
    return Site(tmp_path)


def by(rows: list[dict[str, Any]], key: str) -> dict[str, dict[str, Any]]:
    """The rows by one of their members."""
    return {row[key]: row for row in rows}


def test_list_shows_every_mapping_with_its_source(site: Site) -> None:
    listed = site.json("registry", "list")
    mappings = by(listed["mappings"], "provisioner")
    assert mappings[LOCAL]["client"] == SHARED_CLIENT
    assert mappings[LOCAL]["source"] == "built in"
    assert mappings[LOCAL]["state"] == "loaded"
    spark = mappings["spark_kernels:SparkProvisioner"]
    assert spark["state"] == "declared"
    assert spark["precedence"] == "entry point"
    assert spark["reason"] == HOSTS_NO_PYTHON
    assert str(site.python / "spark_kernels-1.2.dist-info" / "entry_points.txt") in spark["source"]
    assert [plugin["package"] for plugin in listed["plugins"]] == ["limited-kernels"]


def test_tables_are_aligned_and_plain_when_nobody_looks(site: Site) -> None:
    done = site.run("registry", "list", "--wide")
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    heading, *rows = done.stdout.split("\n\n")[0].splitlines()
    assert len(rows) == 3
    column = heading.index("CLIENT")
    assert all(row[column - 1] == " " and row[column] != " " for row in rows)


@pytest.mark.parametrize("command", ["list", "provisioners", "clients"])
def test_tables_fit_80_columns(site: Site, command: str) -> None:
    done = site.run("registry", command)
    assert (done.returncode, done.stderr) == (0, "")
    assert "SparkClient" in done.stdout or "SparkProvisioner" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80, done.stdout


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_a_terminal_gets_colours_unless_it_says_no(site: Site, no_color: str, coloured: bool) -> None:
    leader, follower = pty.openpty()
    subprocess.run(
        [server_command()[0], "registry", "provisioners", *site.options],
        cwd=site.home,
        env=isolated_environment(site.home, NO_COLOR=no_color),
        stdout=follower,
        timeout=PATIENCE,
        check=True,
    )
    os.close(follower)
    printed = os.read(leader, 65536).decode()
    os.close(leader)
    assert "local-provisioner" in printed
    assert "default" in printed
    assert ("\x1b[" in printed) is coloured


def test_provisioners_and_clients(site: Site) -> None:
    provisioners = by(site.json("registry", "provisioners"), "name")
    assert provisioners["local-provisioner"]["available"]
    assert provisioners["local-provisioner"]["produces"] == ["jupyter-zmq 5.3"]
    assert not provisioners["spark-provisioner"]["available"]
    assert provisioners["spark-provisioner"]["reason"] == HOSTS_NO_PYTHON
    assert provisioners["limited-provisioner"]["client"] == SHARED_CLIENT
    assert provisioners["limited-provisioner"]["matched_by"] == "base"
    clients = by(site.json("registry", "clients"), "client")
    assert clients[SHARED_CLIENT]["understands"] == ["jupyter-zmq >=5,<6"]
    assert clients["spark_kernels:SparkClient"]["state"] == "declared"


def test_explain_takes_a_name_or_a_class_and_tells_the_steps(site: Site) -> None:
    by_name = site.json("registry", "explain", "limited-provisioner")
    by_class = site.json("registry", "explain", "limited.Provisioner")
    assert by_name["client"] == by_class["client"] == SHARED_CLIENT
    assert by_name["steps"] == by_class["steps"]
    assert any("limited:Provisioner has no mapping" in step for step in by_name["steps"])
    printed = site.run("registry", "explain", "limited-provisioner").stdout
    assert " 1. Provisioner classes are looked up nearest first: limited:Provisioner" in printed


def test_aliases_of_jupyters_classes_are_the_classes_that_python_has(site: Site) -> None:
    def imported(reference: str) -> object:
        module, _, name = reference.partition(":")
        return getattr(importlib.import_module(module), name)

    local = by(site.json("registry", "provisioners"), "name")["local-provisioner"]
    assert len(local["aliases"]) == 2
    for alias in local["aliases"]:
        assert imported(alias) is imported(local["provisioner"]), alias
        assert site.json("registry", "explain", alias)["provisioner"] == LOCAL
    (entry_point,) = importlib.metadata.entry_points(
        group="jupyter_client.kernel_provisioners", name="local-provisioner"
    )
    assert entry_point.value in local["aliases"]


def test_explain_for_the_kernels_of_a_spec_that_cannot_be_started(site: Site) -> None:
    explained = site.json("registry", "explain", "spark-provisioner", "--kernel=spark")
    assert explained["kernel"] == {"name": "spark", "language": "scala", "kernel_client": "", "labels": {}}
    assert explained["client"] is None, "no other client may take its place"
    assert HOSTS_NO_PYTHON in explained["refusal"]


def test_explain_takes_the_name_of_a_kernel_spec(site: Site) -> None:
    by_spec = site.json("registry", "explain", "spark")
    assert by_spec == site.json("registry", "explain", "spark-provisioner", "--kernel=spark")


def test_explain_of_what_there_is_not(site: Site) -> None:
    done = site.run("registry", "explain", "sparc-provisioner")
    assert done.returncode == 2
    assert "spark-provisioner" in done.stderr
    assert site.run("registry", "explain").returncode == 2
    assert site.run("registry", "explain", "local-provisioner", "--kernel=nope").returncode == 2


def test_doctor_is_silent_about_a_sound_machine(tmp_path: Path) -> None:
    empty = tmp_path / "site-packages"
    empty.mkdir()
    done = subprocess.run(
        [server_command()[0], "registry", "doctor", f"--python-path={empty}"],
        env=isolated_environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "No problems.\n", "")


def test_doctor_has_a_row_for_everything_that_is_wrong(site: Site) -> None:
    (site.plugins / "broken.json").write_text('{"manifest_version": 1, "package": 5}')
    site.write_manifest("missing.json", package="missing", library="libgone.so", classes=[], entry_points={})
    site.write_manifest("old.json", package="old", abi=0, classes=[], entry_points={})
    site.write_manifest("second.json", version="2.0")
    knot = [{"reference": "knot:A", "kind": "provisioner", "bases": ["knot:A"]}]
    site.write_manifest("knot.json", package="knot", classes=knot, entry_points={})
    rival = site.python / "rival-1.0.dist-info" / "entry_points.txt"
    rival.parent.mkdir()
    rival.write_text(
        "[jupyter_kernel_client_registry]\n"
        "spark_kernels:SparkProvisioner = rival:Client\n"
        "nonsense\n"
        "no reference = rival:Client\n"
    )
    done = site.run("registry", "doctor", "--wide")
    assert (done.returncode, done.stderr) == (1, "")
    for expected in [
        "package must be a string, it is number",
        "libgone.so is missing",
        "its library was built for version 0 of the plugin ABI",
        "package limited-kernels has an earlier manifest",
        "knot:A -> knot:A",
        "line 3 is not an entry point",
        '"no reference" is not a class reference',
        "rival:Client",
        "provisioner spark_kernels:SparkProvisioner cannot be used",
        "kernel spec spark",
    ]:
        assert expected in done.stdout, expected
    problems = site.json("registry", "doctor")["problems"]
    assert all(set(problem) == {"subject", "source", "message"} for problem in problems)
    assert f"{len(problems)} problems." in done.stdout


def test_a_plugin_folder_that_everybody_can_write_is_refused(site: Site) -> None:
    site.plugins.chmod(0o777)
    done = site.run("registry", "doctor")
    assert done.returncode == 1
    assert "can be written by everybody" in done.stdout
    assert site.json("registry", "list")["plugins"] == []


def test_kernel_specs_of_python_provisioners_are_listed_as_unavailable(site: Site) -> None:
    shown = site.run("kernelspec", "list", "--all").stdout
    assert HOSTS_NO_PYTHON in shown.partition("Unavailable kernels:")[2]
    assert "spark" not in site.run("kernelspec", "list").stdout


def test_an_unknown_command_is_answered_with_those_there_are(site: Site) -> None:
    done = subprocess.run(
        [server_command()[0], "registry", "lst"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 2
    assert "explain" in done.stderr


class TestServer:
    """The same over REST."""

    @pytest.fixture
    def running(self, site: Site, start_server: ServerFactory) -> Server:
        server = start_server(options=site.options, environment={"JUPYTER_PATH": str(site.home / "data")})
        return server

    def test_tells_what_the_command_tells(self, site: Site, running: Server) -> None:
        assert running.get("/api/nextgen/registry").json() == site.json("registry", "list")
        explained = running.get(
            "/api/nextgen/registry/explain",
            params={"provisioner": "spark-provisioner", "kernel_name": "spark"},
        )
        assert explained.json() == site.json("registry", "explain", "spark-provisioner", "--kernel=spark")
        problems = running.get("/api/nextgen/registry/doctor").json()["problems"]
        assert problems == site.json("registry", "doctor")["problems"]

    def test_wrong_questions_are_refused(self, running: Server) -> None:
        assert running.get("/api/nextgen/registry/explain").status_code == 400
        asked = {"provisioner": "nope"}
        assert running.get("/api/nextgen/registry/explain", params=asked).status_code == 404
        for path in ["", "/explain?provisioner=local-provisioner", "/doctor"]:
            refused = requests.get(f"{running.url}/api/nextgen/registry{path}", timeout=PATIENCE)
            assert refused.status_code == 403, path

    def test_the_spec_is_hidden_and_its_kernels_are_refused_in_words(self, running: Server) -> None:
        assert "spark" not in running.get("/api/kernelspecs").json()["kernelspecs"]
        refused = running.post("/api/kernels", json={"name": "spark"})
        assert refused.status_code >= 400
        assert HOSTS_NO_PYTHON in refused.json()["message"]

    def test_a_kernel_says_how_it_came_to_its_client(self, running: Server) -> None:
        model = running.start_kernel()
        assert (model["provisioner"], model["client"]) == (LOCAL, SHARED_CLIENT)
        assert model["matched_by"] == "exact"

    def test_each_mapping_is_logged_once(self, running: Server) -> None:
        log = next((running.home / "runtime").glob("nextgen-kernels-*.log")).read_text()
        lines = [line for line in log.splitlines() if LOCAL in line and SHARED_CLIENT in line]
        assert len(lines) == 1
        assert f"Kernels of {LOCAL} are served by {SHARED_CLIENT} (programmatic, built in)" in lines[0]
        assert "is mapped to" not in running.log


def test_a_kernel_whose_client_cannot_be_made_is_refused(start_server: ServerFactory) -> None:
    mapping = f"--KernelClientRegistry.provisioner_client_mappings={LOCAL}=my_package:MyClient"
    server = start_server(options=[mapping])
    refused = server.post("/api/kernels", json={"name": "python3"})
    assert refused.status_code >= 400
    assert "my_package:MyClient" in refused.json()["message"]
    assert "hosts no Python classes" in refused.json()["message"]
