"""Packages outside of the tree, built against the installed SDK and used by a server."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import ServerFactory
from harness.channels import Channels, Json
from harness.installed import WARNINGS, install, pkg_config, run
from harness.outage import kernels, kill, log_of, pid_of, process_ended_now, wait_for_log
from harness.server import REPOSITORY, Server, is_stock, isolated_environment, server_command
from harness.waiting import PATIENCE, poll_until, process_ended

pytestmark = pytest.mark.skipif(is_stock(), reason="plugins of our program")

MEBIBYTE = 1024 * 1024
PLUGINS = Path("share/jupyter/nextgen_kernels/plugins")


@pytest.fixture(scope="module")
def sdk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The SDK as a package manager would install it, and nothing else of the tree."""
    return install("sdk", tmp_path_factory.mktemp("sdk"))


def build_library(sdk: Path, source: Path, library: Path, compiler: str = "g++-12") -> None:
    """Build the library of a plugin without CMake."""
    flags = pkg_config(sdk, "nextgen_kernels", "--cflags")
    run(compiler, "-std=c++20", *WARNINGS.split(), "-shared", "-fPIC", *flags, source, "-o", library)


def build_with_cmake(sdk: Path, folder: Path, compiler: str) -> Path:
    """Build and install the example in `folder` as its README says; returns the prefix."""
    package = folder / "limited-kernels"
    shutil.copytree(REPOSITORY / "examples" / "plugin-cpp", package)
    prefix = folder / "prefix"
    run(
        *["cmake", "-S", package, "-B", package / "build", f"-DCMAKE_CXX_COMPILER={compiler}"],
        *[f"-DCMAKE_PREFIX_PATH={sdk}", f"-DCMAKE_INSTALL_PREFIX={prefix}", f"-DCMAKE_CXX_FLAGS={WARNINGS}"],
    )
    run("cmake", "--build", package / "build")
    run("cmake", "--install", package / "build")
    return prefix


def build_with_pkg_config(sdk: Path, folder: Path, compiler: str) -> Path:
    """Build the example without CMake, and put its files where an install would."""
    example = REPOSITORY / "examples" / "plugin-cpp"
    prefix = folder / "prefix"
    plugins = prefix / PLUGINS
    plugins.mkdir(parents=True)
    assert pkg_config(sdk, "nextgen_kernels", "--variable=plugindir") == [str(PLUGINS)]
    run(
        *[
            compiler,
            "-std=c++20",
            *WARNINGS.split(),
            "-shared",
            "-fPIC",
            *pkg_config(sdk, "nextgen_kernels", "--cflags"),
        ],
        *[example / "limited_kernels.cpp", "-o", plugins / "liblimited_kernels.so"],
    )
    shutil.copy(example / "limited_kernels.json", plugins)
    shutil.copytree(example / "kernels", prefix / "share/jupyter/kernels")
    return prefix


BUILDS = {
    "gcc-12": (build_with_cmake, "g++-12"),
    "clang-19": (build_with_cmake, "clang++-19"),
    "pkg-config": (build_with_pkg_config, "g++-12"),
}


@pytest.mark.parametrize("compiler", ["gcc-12", "clang-19"])
def test_the_abi_is_c11(sdk: Path, tmp_path: Path, compiler: str) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    source = tmp_path / "abi.c"
    source.write_text("#include <nextgen_kernels/abi.h>\nnk_plugin_entry entry;\n")
    run(compiler, "-std=c11", *WARNINGS.split(), "-fsyntax-only", f"-I{sdk / 'include'}", source)


@pytest.mark.parametrize("how", BUILDS)
class TestExample:
    """`examples/plugin-cpp`, from its sources to a running kernel."""

    @pytest.fixture
    def server(self, how: str, sdk: Path, tmp_path: Path, start_server: ServerFactory) -> Server:
        """Start a server that has the package in one of Jupyter's data directories."""
        build, compiler = BUILDS[how]
        if shutil.which(compiler) is None:
            pytest.skip(f"{compiler} is not installed")
        prefix = build(sdk, tmp_path, compiler)
        return start_server(environment={"JUPYTER_PATH": str(prefix / "share/jupyter")})

    def test_its_kernel_is_limited_and_its_client_counts(self, server: Server) -> None:
        assert "limited-python" in server.get("/api/kernelspecs").json()["kernelspecs"]
        kernel = server.start_kernel("limited-python")
        assert kernel["provisioner"] == "limited_kernels:LimitedProvisioner"
        assert kernel["client"] == "limited_kernels:CountingClient"
        assert kernel["matched_by"] == "exact"
        with Channels(server, kernel["id"]) as channels:
            ran = channels.run(
                "import os, resource\n"
                "print(resource.getrlimit(resource.RLIMIT_AS), resource.getrlimit(resource.RLIMIT_NOFILE))\n"
                "print(os.environ['LIMITED_KERNEL_MEMORY_MIB'])"
            )
            memory = 8192 * MEBIBYTE
            assert ran.text() == f"({memory}, {memory}) (512, 512)\n8192\n"
            assert channels.run("try: b'.' * (9 << 30)\nexcept MemoryError: print('full')").text() == "full\n"
            # An interrupt and a restart go through the same two classes.
            assert server.post(f"/api/kernels/{kernel['id']}/interrupt").status_code == 204
            assert server.post(f"/api/kernels/{kernel['id']}/restart").status_code == 200
            assert channels.run("print(resource)").of_type("error"), "the kernel is a new one"
        assert server.delete(f"/api/kernels/{kernel['id']}").status_code == 204
        log = next((server.home / "runtime").glob("nextgen-kernels-*.log")).read_text()
        counted = [line for line in log.splitlines() if f"Kernel {kernel['id']}: " in line]
        assert len(counted) == 2, "one line for each process of the kernel"
        sent, received = (int(word) for word in counted[0].split(": ")[1].split() if word.isdigit())
        # Two executions, each with busy, execute_input, stream, idle and reply.
        assert sent >= 2
        assert received >= 10
        states = {
            row["client"]: row["state"] for row in server.get("/api/nextgen/registry").json()["clients"]
        }
        assert states["limited_kernels:CountingClient"] == "loaded"
        assert server.get("/api/nextgen/registry/doctor").json()["problems"] == []


@pytest.fixture(scope="module")
def installed(sdk: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The prefix in which the example is installed, not to be changed."""
    return build_with_pkg_config(sdk, tmp_path_factory.mktemp("installed"), "g++-12")


class TestServerKilled:
    """Kernels of a plugin's provisioner, and the server that comes after one that was killed."""

    @pytest.fixture
    def prefix(self, installed: Path, tmp_path: Path) -> Path:
        """Copy the installed example for one test, which may break it."""
        return Path(shutil.copytree(installed, tmp_path / "prefix"))

    @pytest.fixture
    def environment(self, prefix: Path) -> dict[str, str]:
        """Where the servers find the example."""
        return {"JUPYTER_PATH": str(prefix / "share/jupyter")}

    @pytest.fixture
    def abandoned(self, start_server: ServerFactory, environment: dict[str, str]) -> tuple[Server, int]:
        """Kill a server with a kernel; it, and the kernel's process id."""
        server = start_server(environment=environment)
        with Channels(server, server.start_kernel("limited-python")["id"]) as channels:
            pid = pid_of(channels)
            kill(server)
        assert not process_ended_now(pid)
        return server, pid

    def test_the_kernel_and_what_it_runs_go_on(
        self, start_server: ServerFactory, environment: dict[str, str], tmp_path: Path
    ) -> None:
        gate = tmp_path / "gate"
        server = start_server(environment=environment)
        kernel = server.start_kernel("limited-python")
        channels = Channels(server, kernel["id"])
        pid = pid_of(channels)
        channels.run("x = 42")
        running = channels.execute(
            f"import pathlib, time\nwhile not pathlib.Path({str(gate)!r}).exists(): time.sleep(0.01)\nx + 1"
        )
        channels.published("execute_input", running)
        for _ in range(2):
            kill(server)
            server = start_server(home=server.home, environment=environment)
            (found,) = kernels(server)
            assert (found["id"], found["execution_state"]) == (kernel["id"], "busy")
            assert (found["provisioner"], found["client"]) == (kernel["provisioner"], kernel["client"])
            channels = Channels(server, kernel["id"], session_id=channels.session_id)
        gate.touch()
        answered = channels.result_of(running)
        assert answered.reply.content["status"] == "ok"
        (result,) = answered.of_type("execute_result")
        assert result.content["data"]["text/plain"] == "43"
        assert pid_of(channels) == pid
        assert channels.run("print(x)").text() == "42\n"

        # It is the plugin's from now on, too: its limits are those of the next process.
        assert server.post(f"/api/kernels/{kernel['id']}/interrupt").status_code == 204
        assert server.post(f"/api/kernels/{kernel['id']}/restart").status_code == 200
        assert process_ended(pid)
        limit = channels.run("import resource; print(resource.getrlimit(resource.RLIMIT_AS)[0] >> 20)")
        assert limit.text() == "8192\n"
        restarted = pid_of(channels)
        assert server.delete(f"/api/kernels/{kernel['id']}").status_code == 204
        assert process_ended(restarted)
        assert "sent, " in log_of(server), "its client has counted"

    def test_an_adopted_kernel_ends_with_its_new_server(
        self, start_server: ServerFactory, environment: dict[str, str], abandoned: tuple[Server, int]
    ) -> None:
        first, pid = abandoned
        second = start_server(home=first.home, environment=environment)
        assert len(kernels(second)) == 1
        second.process.terminate()
        assert second.wait() == 0
        assert process_ended(pid)

    def test_without_adoption_it_is_ended(
        self, start_server: ServerFactory, environment: dict[str, str], abandoned: tuple[Server, int]
    ) -> None:
        first, pid = abandoned
        second = start_server(home=first.home, environment=environment, options=["--no-adopt"])
        assert kernels(second) == []
        assert process_ended(pid)
        wait_for_log(second, "KernelState.adopt_kernels")

    @pytest.mark.parametrize("gone", ["manifest", "library", "everything"])
    def test_a_plugin_that_is_gone_is_told(
        self,
        start_server: ServerFactory,
        environment: dict[str, str],
        prefix: Path,
        abandoned: tuple[Server, int],
        gone: str,
    ) -> None:
        first, pid = abandoned
        words = {
            "manifest": 'There is no kernel provisioner "limited-provisioner"',
            "library": "liblimited_kernels.so",
            "everything": "Kernel spec limited-python not found",
        }
        if gone == "everything":
            shutil.rmtree(prefix)
        else:
            file = {"manifest": "limited_kernels.json", "library": "liblimited_kernels.so"}[gone]
            (prefix / PLUGINS / file).unlink()
        second = start_server(home=first.home, environment=environment)
        assert kernels(second) == []
        assert process_ended(pid), "nobody is left with a process that nobody sees"
        wait_for_log(second, "could not be adopted")
        log = log_of(second)
        for word in (words[gone], "limited_kernels:LimitedProvisioner", "install again what brings them"):
            assert word in log


class TestOwnPlace:
    """A provisioner of `plugins/daemon_provisioner.cpp`, which extends none, and hands its kernels over."""

    @pytest.fixture
    def environment(self, sdk: Path, tmp_path: Path) -> dict[str, str]:
        """Build and install it."""
        share = tmp_path / "share"
        plugins = share / "nextgen_kernels/plugins"
        plugins.mkdir(parents=True)
        run(
            *[
                "g++-12",
                "-std=c++20",
                *WARNINGS.split(),
                "-shared",
                "-fPIC",
                *pkg_config(sdk, "nextgen_kernels", "--cflags"),
            ],
            *[REPOSITORY / "tests/e2e/plugins/daemon_provisioner.cpp", "-o", plugins / "libdaemon.so"],
        )
        reference = "daemon:DaemonProvisioner"
        manifest = {
            "manifest_version": 1,
            "package": "daemon",
            "version": "1.0",
            "abi": 1,
            "library": "libdaemon.so",
            "classes": [
                {
                    "reference": reference,
                    "kind": "provisioner",
                    "options": {"runtime_directory": {"type": "string", "required": True}},
                }
            ],
            "entry_points": {
                "jupyter_client.kernel_provisioners": {"daemon-provisioner": reference},
                "jupyter_kernel_client_registry": {
                    reference: "nextgen_kernels_api.services.kernels.client:JupyterServerKernelClient"
                },
            },
        }
        (plugins / "daemon.json").write_text(json.dumps(manifest))
        spec = {
            "argv": [sys.executable, "-m", "ipykernel_launcher", "-f"],
            "display_name": "Daemon",
            "language": "python",
            "metadata": {
                "kernel_provisioner": {
                    "provisioner_name": "daemon-provisioner",
                    "config": {"runtime_directory": str(tmp_path)},
                }
            },
        }
        (share / "kernels/daemon").mkdir(parents=True)
        (share / "kernels/daemon/kernel.json").write_text(json.dumps(spec))
        return {"JUPYTER_PATH": str(share)}

    def test_its_kernel_is_adopted(self, start_server: ServerFactory, environment: dict[str, str]) -> None:
        first = start_server(environment=environment)
        kernel: Json = first.start_kernel("daemon")
        before = Channels(first, kernel["id"])
        pid = pid_of(before)
        before.run("x = 42")
        kill(first)
        second = start_server(home=first.home, environment=environment)
        (found,) = kernels(second)
        assert (found["id"], found["provisioner"]) == (kernel["id"], "daemon:DaemonProvisioner")
        channels = Channels(second, kernel["id"], session_id=before.session_id)
        assert channels.run("print(x)").text() == "42\n"
        assert pid_of(channels) == pid
        assert second.delete(f"/api/kernels/{kernel['id']}").status_code == 204
        assert process_ended(pid)

    def test_a_kernel_that_ended_meanwhile_is_not_ended_again(
        self, start_server: ServerFactory, environment: dict[str, str]
    ) -> None:
        first = start_server(environment=environment)
        with Channels(first, first.start_kernel("daemon")["id"]) as channels:
            pid = pid_of(channels)
            kill(first)
        os.kill(pid, signal.SIGKILL)
        assert process_ended(pid)
        second = start_server(home=first.home, environment=environment)
        assert kernels(second) == []
        wait_for_log(second, "It has ended, as the server has that had started it")


def test_options_of_a_kernel_spec_are_checked_before_anything_runs(
    sdk: Path, tmp_path: Path, start_server: ServerFactory
) -> None:
    prefix = build_with_pkg_config(sdk, tmp_path, "g++-12")
    spec = prefix / "share/jupyter/kernels/limited-python/kernel.json"
    text = spec.read_text()
    spec.write_text(text.replace('"open_files"', '"open_fies"'))
    server = start_server(environment={"JUPYTER_PATH": str(prefix / "share/jupyter")})
    assert "limited-python" not in server.get("/api/kernelspecs").json()["kernelspecs"]
    refused = server.post("/api/kernels", json={"name": "limited-python"})
    assert refused.status_code >= 400
    assert "has no option" in refused.json()["message"]
    assert 'Did you mean "open_files"?' in refused.json()["message"]
    problems = server.get("/api/nextgen/registry/doctor").json()["problems"]
    assert any("open_fies" in problem["message"] for problem in problems)


class TestNewPlugin:
    """What `plugin new` writes, from there to its own test."""

    @pytest.mark.parametrize("compiler", ["g++-12", "clang++-19"])
    @pytest.mark.parametrize("parts", [(), ("--client", "--listener")], ids=["provisioner", "everything"])
    def test_it_builds_installs_and_passes_its_own_test(
        self, sdk: Path, tmp_path: Path, compiler: str, parts: tuple[str, ...]
    ) -> None:
        if shutil.which(compiler) is None:
            pytest.skip(f"{compiler} is not installed")
        program = server_command()[0]
        environment = isolated_environment(tmp_path) | {
            "PATH": f"{Path(program).parent}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        }
        run(program, "plugin", "new", "my-kernels", *parts, cwd=tmp_path, **environment)
        package = tmp_path / "my-kernels"
        build = package / "build"
        prefix = tmp_path / "prefix"
        run(
            *["cmake", "-S", package, "-B", build, f"-DCMAKE_CXX_COMPILER={compiler}"],
            *[
                f"-DCMAKE_PREFIX_PATH={sdk}",
                f"-DCMAKE_INSTALL_PREFIX={prefix}",
                f"-DCMAKE_CXX_FLAGS={WARNINGS}",
            ],
            **environment,
        )
        run("cmake", "--build", build, **environment)
        tested = run("ctest", "--test-dir", build, "--verbose", **environment)
        assert "PASSED" in tested, "it ran a kernel"
        run("cmake", "--install", build, **environment)
        assert (prefix / PLUGINS / "libmy_kernels_plugin.so").exists()
        assert (prefix / "share/jupyter/kernels/my-kernels/kernel.json").exists()

    def test_a_folder_that_exists_is_left_alone(self, tmp_path: Path) -> None:
        (tmp_path / "mine").mkdir()
        done = subprocess.run(
            [server_command()[0], "plugin", "new", "mine"],
            cwd=tmp_path,
            env=isolated_environment(tmp_path),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 2
        assert "mine exists already" in done.stderr
        assert list((tmp_path / "mine").iterdir()) == []


class Recording:
    """The listener of `plugins/recording_listener.cpp`, installed for one server, and what it wrote."""

    def __init__(self, sdk: Path, home: Path) -> None:
        self.folder = home / "plugins"
        self.folder.mkdir()
        self.file = home / "recording.jsonl"
        self.gate = home / "gate"
        run(
            *[
                "g++-12",
                "-std=c++20",
                *WARNINGS.split(),
                "-shared",
                "-fPIC",
                *pkg_config(sdk, "nextgen_kernels", "--cflags"),
            ],
            *[REPOSITORY / "tests/e2e/plugins/recording_listener.cpp", "-o", self.folder / "librecording.so"],
        )
        self.write_manifest("recording:RecordingListener")

    def write_manifest(self, *references: str) -> None:
        """Install the listeners."""
        classes = [{"reference": reference, "kind": "listener"} for reference in references]
        manifest = {
            "manifest_version": 1,
            "package": "recording",
            "version": "1.0",
            "abi": 1,
            "library": "librecording.so",
            "classes": classes,
        }
        (self.folder / "recording.json").write_text(json.dumps(manifest))

    def start(self, start_server: ServerFactory, **environment: str) -> Server:
        """Start a server that has the listener."""
        return start_server(
            options=[f"--plugin-path={self.folder}"],
            environment={"RECORDING_FILE": str(self.file)} | environment,
        )

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What it wrote so far."""
        if not self.file.exists():
            return []
        return [
            json.loads(line)
            for line in self.file.read_text().splitlines(keepends=True)
            if line.endswith("\n")
        ]

    def wait_for_end(self) -> list[dict[str, Any]]:
        """Its messages, once it has seen the end of the kernel."""
        poll_until(lambda: (self.lines and "end" in self.lines[-1]) or None, "the end of the recording")
        first, *messages, last = self.lines
        assert (first, last) == ({"begin": "python3"}, {"end": "python3"})
        return messages


@pytest.fixture
def recording(sdk: Path, tmp_path: Path) -> Recording:
    """A recording listener of one test."""
    return Recording(sdk, tmp_path)


def test_a_listener_sees_every_message_in_order(recording: Recording, start_server: ServerFactory) -> None:
    server = recording.start(start_server)
    requests = []
    with (
        server.kernel() as kernel_id,
        Channels(server, kernel_id) as alice,
        Channels(server, kernel_id) as bob,
    ):
        for channels, code in [(alice, "print(1)"), (bob, "print(2)"), (alice, "print(3)")]:
            requests.append(channels.execute(code))
            channels.result_of(requests[-1])
    messages = recording.wait_for_end()
    assert [message["number"] for message in messages] == list(range(1, len(messages) + 1))
    for request in requests:
        of_request = [message["type"] for message in messages if message["parent"] == request]
        for expected in ["execute_input", "execute_reply"]:
            assert of_request.count(expected) == 1, "replies to everybody are there, once"
        assert of_request.count("status") == 2
    replies = [message["parent"] for message in messages if message["type"] == "execute_reply"]
    assert replies == requests
    streams = [message["content"] for message in messages if message["type"] == "stream"]
    assert [stream["text"] for stream in streams if stream["name"] == "stdout"] == ["1\n", "2\n", "3\n"]


def test_a_listener_that_blocks_slows_nobody(recording: Recording, start_server: ServerFactory) -> None:
    os.mkfifo(recording.gate)
    # Both ends are ours, so that the listener can open its own and then waits.
    gate = os.open(recording.gate, os.O_RDWR)
    server = recording.start(start_server, RECORDING_GATE=str(recording.gate))
    with server.kernel() as kernel_id, server.kernel() as other_id:
        with Channels(server, kernel_id) as channels, Channels(server, other_id) as others:
            request = channels.execute("for number in range(2000): print(number, flush=True)")
            assert channels.result_of(request).text() == "".join(f"{number}\n" for number in range(2000))
            assert others.run("print('other')").text() == "other\n"
        assert server.post(f"/api/kernels/{kernel_id}/restart").status_code == 200
        assert not any("number" in line for line in recording.lines), "it has been held up all the time"
        os.write(gate, b"." * 60_000)
        poll_until(
            lambda: any(line.get("type") == "execute_reply" for line in recording.lines) or None, "the reply"
        )
    os.close(gate)


def test_the_server_stops_while_a_listener_blocks(recording: Recording, start_server: ServerFactory) -> None:
    os.mkfifo(recording.gate)
    gate = os.open(recording.gate, os.O_RDWR)
    server = recording.start(start_server, RECORDING_GATE=str(recording.gate))
    kernel = server.start_kernel()
    with Channels(server, kernel["id"]) as channels:
        assert channels.run("print(1)").text() == "1\n"
    server.process.terminate()
    assert server.wait() == 0
    assert "Listeners of plugins are still at work" in server.log
    os.close(gate)


def test_a_listener_that_cannot_be_made_is_a_problem_and_nothing_else(
    recording: Recording, start_server: ServerFactory
) -> None:
    recording.write_manifest("recording:ThrowingListener", "recording:Gone", "recording:RecordingListener")
    server = recording.start(start_server)
    with server.kernel() as kernel_id, Channels(server, kernel_id) as channels:
        assert channels.run("print(1)").text() == "1\n"

    def problems() -> dict[str, str]:
        rows = server.get("/api/nextgen/registry/doctor").json()["problems"]
        return {row["subject"]: row["message"] for row in rows}

    poll_until(lambda: len(problems()) == 2 or None, "two problems")
    assert "This listener cannot be made" in problems()["recording:ThrowingListener"]
    assert "which its library does not have" in problems()["recording:Gone"]
    assert recording.wait_for_end()


def test_doctor_loads_libraries_when_asked_to(recording: Recording, tmp_path: Path) -> None:
    recording.write_manifest("recording:Gone")
    command = [server_command()[0], "registry", "doctor", f"--plugin-path={recording.folder}"]
    (tmp_path / "site-packages").mkdir()
    command.append(f"--python-path={tmp_path / 'site-packages'}")

    def doctor(*more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *more],
            env=isolated_environment(tmp_path),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    assert doctor().stdout == "No problems.\n"
    loaded = doctor("--load")
    assert loaded.returncode == 1
    assert "declares class recording:Gone, which its library does not have" in loaded.stdout
