"""Kernels of a server that was killed, found again by the next one."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from conftest import ServerFactory
from harness.channels import Channels, Json
from harness.outage import kernels, kill, log_of, pid_of, process_ended_now, wait_for_log
from harness.server import Server, is_stock, processes_of
from harness.waiting import Gate, poll_until, process_ended

pytestmark = pytest.mark.skipif(is_stock(), reason="jupyter_server forgets its kernels")

TICKING = "import time\nfor tick in range(1_000_000):\n    print(tick, flush=True)\n    time.sleep(0.05)"


def state_file(server: Server) -> Path:
    """Where the server keeps what the next one needs."""
    return server.home / "data" / "nextgen_kernels" / "state" / state_file_name()


def state_file_name() -> str:
    """The name of the state's file on this host, until it is booted again."""
    host = re.sub(r"[^A-Za-z0-9._]", "_", socket.gethostname()[:64])
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"state-{host}-{boot}.sqlite"


def rows(server: Server, table: str) -> int:
    """How many rows a table of the state has."""
    with closing(sqlite3.connect(state_file(server))) as database:
        return int(database.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def wait_for_rows(server: Server, table: str, count: int) -> None:
    """Wait until a table of the state has so many rows."""
    poll_until(lambda: (rows(server, table) == count) or None, f"{count} rows of {table}")


def change_record(server: Server, change: Callable[[Json], None]) -> None:
    """Change what is recorded of the kernel of a server that is gone."""
    with closing(sqlite3.connect(state_file(server))) as database, database:
        ((text,),) = database.execute("SELECT record FROM kernels").fetchall()
        record = json.loads(text)
        change(record)
        database.execute("UPDATE kernels SET record = ?", (json.dumps(record),))


def create_session(server: Server) -> Json:
    """A notebook's session with a new kernel."""
    body = {"path": "a.ipynb", "name": "a.ipynb", "type": "notebook", "kernel": {"name": "python3"}}
    session: Json = server.post("/api/sessions", json=body).json()
    return session


@pytest.fixture
def abandoned(start_server: ServerFactory) -> Iterator[tuple[Server, str, int]]:
    """A server that was killed, the id of its kernel, and the kernel's process id."""
    server = start_server()
    with Channels(server, server.start_kernel()["id"]) as channels:
        pid = pid_of(channels)
        kernel_id = kernels(server)[0]["id"]
        kill(server)
    yield server, kernel_id, pid


def test_kernel_and_session_go_on_with_what_they_run(start_server: ServerFactory) -> None:
    first = start_server()
    session = create_session(first)
    kernel_id = session["kernel"]["id"]
    before = Channels(first, kernel_id)
    pid = pid_of(before)
    before.run("x = 42")
    running = before.execute(TICKING)
    before.published("stream", running)
    journal = first.get(f"/api/nextgen/kernels/{kernel_id}/journal").json()["id"]
    kill(first)

    second = start_server(home=first.home)
    (found,) = second.get("/api/sessions").json()
    assert {name: found[name] for name in ("id", "path", "name", "type")} == {
        name: session[name] for name in ("id", "path", "name", "type")
    }
    assert found["kernel"]["id"] == kernel_id
    assert found["kernel"]["execution_state"] == "busy"
    assert not process_ended_now(pid)

    # The client comes back, and hears first what is gone.
    after = Channels(second, kernel_id, session_id=before.session_id)
    notice = after.wait_for(lambda m: m.type == "stream" and m.parent is None, "the notice")
    assert "adopted" in notice.content["text"]
    text = ""
    while text.count("\n") < 5:
        text += after.published("stream", running).content["text"]
    ticks = [int(tick) for tick in text.split("\n")[1:-1]]
    assert ticks == list(range(ticks[0], ticks[0] + len(ticks)))
    gone = second.get(
        f"/api/kernels/{kernel_id}/channels?resume_from={journal}-1:1",
        headers={
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        },
    )
    assert gone.status_code == 410
    assert "adopted" in gone.text

    assert second.post(f"/api/kernels/{kernel_id}/interrupt").status_code == 204
    after.status("idle", running)
    assert after.run("print(x)").text() == "42\n"
    assert kernels(second)[0]["execution_state"] == "idle"

    assert second.post(f"/api/kernels/{kernel_id}/restart").status_code == 200
    assert process_ended(pid)
    name = after.run("import os; print(os.environ['JPY_SESSION_NAME'], 'x' in globals())").text()
    assert name == f"{second.root / 'a.ipynb'} False\n"
    restarted = pid_of(after)
    assert second.delete(f"/api/sessions/{session['id']}").status_code == 204
    assert process_ended(restarted)
    wait_for_rows(second, "kernels", 0)
    wait_for_rows(second, "sessions", 0)


@pytest.mark.parametrize("kills", [1, 6])
def test_what_was_asked_before_is_answered_after(
    start_server: ServerFactory, tmp_path: Path, kills: int
) -> None:
    """The reply, and what the code asks its person, come to the client that asked a server that is gone."""
    gate = tmp_path / "gate"
    server = start_server()
    kernel_id = server.start_kernel()["id"]
    channels = Channels(server, kernel_id)
    other = Channels(server, kernel_id)
    running = channels.execute(
        f"import pathlib, time\nwhile not pathlib.Path({str(gate)!r}).exists(): time.sleep(0.01)\n"
        "print(input('who? '))",
        allow_stdin=True,
    )
    channels.published("execute_input", running)
    queued = channels.execute("6 * 7")
    # What was sent before it has left the server, too.
    channels.reply_to(channels.send("kernel_info_request", channel="control"))
    for _ in range(kills):
        kill(server)
        server = start_server(home=server.home)
        channels = Channels(server, kernel_id, session_id=channels.session_id)
        other = Channels(server, kernel_id, session_id=other.session_id)
    gate.touch()

    question = channels.wait_for(lambda m: m.type == "input_request", "the question")
    assert (question.content["prompt"], question.parent) == ("who? ", running)
    channels.send("input_reply", {"value": "me"}, channel="stdin", parent_header=question.header)
    answered = channels.result_of(running)
    assert (answered.reply.content["status"], answered.text()) == ("ok", "me\n")
    (result,) = channels.result_of(queued).of_type("execute_result")
    assert result.content["data"]["text/plain"] == "42"
    assert [m.type for m in other.fence() if m.channel in {"shell", "stdin"}] == []


def test_idle_kernel_is_adopted_and_ends_by_a_shutdown(
    start_server: ServerFactory, abandoned: tuple[Server, str, int]
) -> None:
    first, kernel_id, pid = abandoned
    second = start_server(home=first.home)
    (model,) = kernels(second)
    assert (model["id"], model["execution_state"]) == (kernel_id, "idle")
    with Channels(second, kernel_id) as channels:
        assert pid_of(channels) == pid
    assert second.delete(f"/api/kernels/{kernel_id}").status_code == 204
    assert process_ended(pid)


def test_kernel_of_unix_domain_sockets_is_adopted(start_server: ServerFactory) -> None:
    options = ["--KernelManager.transport=ipc"]
    first = start_server(options=options)
    kernel_id = first.start_kernel()["id"]
    before = Channels(first, kernel_id)
    pid = pid_of(before)
    kill(first)
    # The kernel decides how it is reached, not what the next server would do.
    second = start_server(home=first.home)
    with Channels(second, kernel_id, session_id=before.session_id) as channels:
        assert pid_of(channels) == pid
        assert second.post(f"/api/kernels/{kernel_id}/interrupt").status_code == 204
        assert second.post(f"/api/kernels/{kernel_id}/restart").status_code == 200
        assert pid_of(channels) != pid


def test_attached_kernel_is_attached_again(start_server: ServerFactory, tmp_path: Path) -> None:
    """The kernel of an existing-provisioner belongs to another program, and never to a server."""
    owner = start_server()
    with Channels(owner, owner.start_kernel()["id"]) as channels:
        pid = pid_of(channels)
        (file,) = (owner.home / "runtime").glob("kernel-*.json")
    spec = {
        "argv": [],
        "display_name": "Attached",
        "language": "python",
        "metadata": {
            "kernel_provisioner": {
                "provisioner_name": "existing-provisioner",
                "config": {"connection_file": str(file)},
            }
        },
    }
    folder = tmp_path / "share" / "kernels" / "attached"
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text(json.dumps(spec))
    environment = {"JUPYTER_PATH": str(tmp_path / "share")}
    first = start_server(environment=environment)
    kernel_id = first.start_kernel("attached")["id"]
    before = Channels(first, kernel_id)
    assert pid_of(before) == pid
    kill(first)

    second = start_server(home=first.home, environment=environment)
    with Channels(second, kernel_id, session_id=before.session_id) as channels:
        assert pid_of(channels) == pid
    assert second.delete(f"/api/kernels/{kernel_id}").status_code == 204
    with Channels(owner, kernels(owner)[0]["id"]) as channels:
        assert pid_of(channels) == pid


def test_adopted_kernel_that_dies_is_started_again(
    start_server: ServerFactory, abandoned: tuple[Server, str, int]
) -> None:
    first, kernel_id, pid = abandoned
    second = start_server(home=first.home)
    with Channels(second, kernel_id) as channels:
        os.kill(pid, signal.SIGKILL)
        channels.status("restarting")
        assert pid_of(channels) != pid
        assert "not known" in second.get(f"/api/kernels/{kernel_id}").json()["reason"]


def test_server_killed_twice(start_server: ServerFactory, abandoned: tuple[Server, str, int]) -> None:
    first, kernel_id, pid = abandoned
    kill(start_server(home=first.home))
    third = start_server(home=first.home)
    with Channels(third, kernel_id) as channels:
        assert pid_of(channels) == pid
    third.process.send_signal(signal.SIGTERM)
    third.wait()
    assert process_ended(pid)


def test_process_that_only_has_the_id_is_left_alone(
    start_server: ServerFactory, abandoned: tuple[Server, str, int]
) -> None:
    first, kernel_id, _ = abandoned
    with subprocess.Popen(["sleep", "3600"], start_new_session=True) as stranger:
        change_record(first, lambda record: record["provisioner"].update(pid=stranger.pid))
        second = start_server(home=first.home)
        assert kernels(second) == []
        wait_for_log(second, f"Kernel {kernel_id}")
        assert stranger.poll() is None
        stranger.kill()
    wait_for_rows(second, "kernels", 0)


def test_wrong_key_is_refused_and_the_kernel_ended(
    start_server: ServerFactory, abandoned: tuple[Server, str, int]
) -> None:
    first, _, pid = abandoned
    change_record(first, lambda record: record["connection_info"].update(key="another-key"))
    second = start_server(home=first.home)
    assert kernels(second) == []
    assert process_ended(pid)
    wait_for_log(second, "another key")
    assert "another-key" not in second.log + log_of(second)


def test_kernel_that_does_not_answer_is_ended(
    start_server: ServerFactory, abandoned: tuple[Server, str, int]
) -> None:
    first, _, pid = abandoned
    os.kill(pid, signal.SIGSTOP)
    second = start_server(home=first.home)
    assert kernels(second) == []
    assert process_ended(pid)
    wait_for_log(second, "heartbeat")


def test_kernel_whose_spec_is_gone_is_ended(
    start_server: ServerFactory, abandoned: tuple[Server, str, int]
) -> None:
    first, _, pid = abandoned
    change_record(first, lambda record: record.update(kernel_name="no-such-spec"))
    second = start_server(home=first.home)
    assert kernels(second) == []
    assert process_ended(pid)
    wait_for_log(second, "no-such-spec")


def test_without_adoption_orphans_are_ended(
    start_server: ServerFactory, abandoned: tuple[Server, str, int]
) -> None:
    first, _, pid = abandoned
    second = start_server(home=first.home, options=["--no-adopt"])
    assert kernels(second) == []
    assert process_ended(pid)
    wait_for_log(second, "KernelState.adopt_kernels")


def test_two_servers_keep_their_own_kernels(start_server: ServerFactory) -> None:
    one = start_server()
    mine = one.start_kernel()["id"]
    with Channels(one, mine) as channels:
        channels.run("pass")
    other = start_server(home=one.home)
    assert kernels(other) == []
    theirs = other.start_kernel()["id"]
    with Channels(other, theirs) as channels:
        channels.run("pass")
    kill(one)
    third = start_server(home=one.home)
    assert [kernel["id"] for kernel in kernels(third)] == [mine]
    assert [kernel["id"] for kernel in kernels(other)] == [theirs]


def test_server_that_stops_leaves_nothing(start_server: ServerFactory) -> None:
    server = start_server()
    session = create_session(server)
    with Channels(server, session["kernel"]["id"]) as channels:
        channels.run("pass")
    for table in ("kernels", "sessions", "servers"):
        wait_for_rows(server, table, 1)
    assert state_file(server).stat().st_mode & 0o777 == 0o600
    server.process.send_signal(signal.SIGTERM)
    server.wait()
    assert rows(server, "kernels") == rows(server, "sessions") == rows(server, "servers") == 0


def test_spare_kernels_of_a_pool_are_ended(start_server: ServerFactory) -> None:
    first = start_server(options=["--MappingKernelManager.pool=python3=1"])
    wait_for_rows(first, "kernels", 1)
    (spare,) = set(processes_of(first.home)) - {first.process.pid}
    kill(first)
    second = start_server(home=first.home)
    assert kernels(second) == []
    assert process_ended(spare)


@pytest.mark.parametrize("content", [b"no database, but long enough to be read as one" * 100, None])
def test_broken_state_stops_nothing(
    start_server: ServerFactory, tmp_path: Path, content: bytes | None
) -> None:
    """The kernels of such a server end with it, as nobody could find them."""
    file = tmp_path / "state" / state_file_name()
    file.parent.mkdir()
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)
    server = start_server(options=[f"--KernelState.directory={file.parent}"])
    wait_for_log(server, str(file))
    kernel_id = server.start_kernel()["id"]
    with Channels(server, kernel_id) as channels:
        pid = pid_of(channels)
        kill(server)
    assert process_ended(pid)


def test_while_the_state_cannot_be_written_nothing_new_is_promised(start_server: ServerFactory) -> None:
    """What is there goes on, can be restarted, and is found by the next server."""
    server = start_server()
    session = create_session(server)
    kernel_id = session["kernel"]["id"]
    directory = state_file(server).parent
    aside = directory.with_name("aside")
    directory.rename(aside)
    directory.write_text("no directory")

    refused = server.post("/api/kernels", json={"name": "python3"})
    assert refused.status_code == 503
    assert "was not started" in refused.json()["message"]
    assert str(directory) in refused.json()["message"]
    renamed = server.patch(f"/api/sessions/{session['id']}", json={"path": "b.ipynb"})
    assert renamed.status_code == 503
    assert server.get(f"/api/sessions/{session['id']}").json()["path"] == "a.ipynb"
    assert [kernel["id"] for kernel in kernels(server)] == [kernel_id]
    assert server.post(f"/api/kernels/{kernel_id}/restart").status_code == 200
    with Channels(server, kernel_id) as channels:
        pid = pid_of(channels)
    kill(server)

    directory.unlink()
    aside.rename(directory)
    second = start_server(home=server.home)
    assert [kernel["id"] for kernel in kernels(second)] == [kernel_id]
    with Channels(second, kernel_id) as channels:
        assert pid_of(channels) == pid


def test_what_was_answered_is_known_to_the_next_server(start_server: ServerFactory) -> None:
    """However soon after the answer the server is killed."""
    server = start_server()
    server.get("/api/kernelspecs")
    sessions: set[str] = set()
    for name in ("a", "b", "c"):
        body = {"path": name, "name": name, "type": "notebook", "kernel": {"name": "python3"}}
        sessions.add(server.post("/api/sessions", json=body).json()["id"])
        kill(server)
        server = start_server(home=server.home)
        assert {session["id"] for session in server.get("/api/sessions").json()} == sessions
    (session_id, *others) = sorted(sessions)
    kernel_id = server.get(f"/api/sessions/{session_id}").json()["kernel"]["id"]

    assert server.post(f"/api/kernels/{kernel_id}/restart").status_code == 200
    kill(server)
    server = start_server(home=server.home)
    with Channels(server, kernel_id) as channels:
        channels.run("pass")

    assert server.patch(f"/api/sessions/{session_id}", json={"path": "renamed"}).status_code == 200
    kill(server)
    server = start_server(home=server.home)
    assert server.get(f"/api/sessions/{session_id}").json()["path"] == "renamed"

    assert server.delete(f"/api/sessions/{session_id}").status_code == 204
    kill(server)
    server = start_server(home=server.home)
    assert sorted(session["id"] for session in server.get("/api/sessions").json()) == others
    assert kernel_id not in {kernel["id"] for kernel in kernels(server)}


def test_start_that_was_not_recorded_any_more_is_ended(
    start_server: ServerFactory, abandoned: tuple[Server, str, int]
) -> None:
    """Its server was killed between the launch of the process and the record of it."""
    first, _, pid = abandoned
    change_record(first, lambda record: record.update(provisioner=None, is_launching=True, launch_number=0))
    second = start_server(home=first.home)
    assert kernels(second) == []
    assert process_ended(pid)
    wait_for_log(second, "its start had not ended yet")
    wait_for_rows(second, "kernels", 0)


def test_start_that_never_happened_is_forgotten(
    start_server: ServerFactory, abandoned: tuple[Server, str, int]
) -> None:
    first, _, pid = abandoned
    change_record(
        first,
        lambda record: record.update(
            provisioner=None, is_launching=True, launch_number=0, launch_token="0" * 32
        ),
    )
    second = start_server(home=first.home)
    assert kernels(second) == []
    wait_for_rows(second, "kernels", 0)
    assert "WARNING" not in second.log
    os.kill(pid, signal.SIGKILL)


def test_kernel_of_an_earlier_version_is_adopted(
    start_server: ServerFactory, abandoned: tuple[Server, str, int]
) -> None:
    """Earlier versions kept their kernels in another file, and fewer fields of them."""
    first, kernel_id, pid = abandoned
    names = ("launch_token", "launch_number", "is_launching")
    change_record(first, lambda record: [record.pop(name) for name in names] and None)
    state_file(first).rename(state_file(first).with_name("state.sqlite"))
    for _ in range(2):
        server = start_server(home=first.home)
        with Channels(server, kernel_id) as channels:
            assert pid_of(channels) == pid
        kill(server)
    third = start_server(home=first.home)
    assert third.post(f"/api/kernels/{kernel_id}/restart").status_code == 200
    kill(third)
    with Channels(start_server(home=first.home), kernel_id) as channels:
        channels.run("pass")


def test_each_user_keeps_what_is_theirs(start_server: ServerFactory, tmp_path: Path) -> None:
    """Nobody comes by the kernels of another user because the server was killed."""
    tokens = {"alice": "token-of-alice-0123456", "bob": "token-of-bob-0123456"}
    users = [{"username": name, "token": token} for name, token in tokens.items()]
    configuration = tmp_path / "configuration"
    configuration.mkdir()
    (configuration / "jupyter_nextgen_kernels_config.json").write_text(
        json.dumps({"IdentityProvider": {"users": users}})
    )
    environment = {"JUPYTER_CONFIG_DIR": str(configuration)}
    headers = {name: {"Authorization": f"token {token}"} for name, token in tokens.items()}
    first = start_server(environment=environment)
    body = {"path": "a.ipynb", "name": "a", "type": "notebook", "kernel": {"name": "python3"}}
    created = first.post("/api/sessions", json=body, headers=headers["alice"])
    assert created.status_code == 201, created.text
    wait_for_rows(first, "sessions", 1)
    kill(first)

    second = start_server(home=first.home, environment=environment)
    for path in ("/api/sessions", "/api/kernels"):
        assert len(second.get(path, headers=headers["alice"]).json()) == 1
        assert second.get(path, headers=headers["bob"]).json() == []
    kernel_id = created.json()["kernel"]["id"]
    assert second.delete(f"/api/kernels/{kernel_id}", headers=headers["bob"]).status_code == 404
    assert second.delete(f"/api/kernels/{kernel_id}", headers=headers["alice"]).status_code == 204


def state_of(server: Server, kernel_id: str) -> str:
    """The kernel's execution state as the REST API shows it."""
    return str(server.get(f"/api/kernels/{kernel_id}").json()["execution_state"])


def wait_for_state(server: Server, kernel_id: str, state: str) -> None:
    """Wait until the REST API shows this state: what ends by itself is not announced there."""
    poll_until(lambda: (state_of(server, kernel_id) == state) or None, f"the state {state}")


def test_session_of_a_kernel_that_had_died_and_was_restarted(start_server: ServerFactory) -> None:
    """It is one of the next server, too: only who removes the kernel ends it."""
    first = start_server(options=["--KernelManager.autorestart=False"])
    session = create_session(first)
    kernel_id = session["kernel"]["id"]
    with Channels(first, kernel_id) as channels:
        os.kill(pid_of(channels), signal.SIGKILL)
        channels.status("dead")
        wait_for_rows(first, "kernels", 0)
        assert first.post(f"/api/kernels/{kernel_id}/restart").status_code == 200
        pid = pid_of(channels)
        wait_for_rows(first, "kernels", 1)
        kill(first)
    second = start_server(home=first.home)
    assert [found["id"] for found in second.get("/api/sessions").json()] == [session["id"]]
    with Channels(second, kernel_id) as channels:
        assert pid_of(channels) == pid
    assert second.delete(f"/api/kernels/{kernel_id}").status_code == 204
    wait_for_rows(second, "sessions", 0)


def test_session_of_a_kernel_that_stays_dead_ends_with_the_server(start_server: ServerFactory) -> None:
    first = start_server(options=["--KernelManager.autorestart=False"])
    session = create_session(first)
    with Channels(first, session["kernel"]["id"]) as channels:
        os.kill(pid_of(channels), signal.SIGKILL)
        channels.status("dead")
        wait_for_rows(first, "kernels", 0)
        kill(first)
    second = start_server(home=first.home)
    assert second.get("/api/sessions").json() == []
    wait_for_rows(second, "sessions", 0)


def create_subshell(channels: Channels) -> str:
    """A new subshell of a kernel."""
    created = channels.reply_to(channels.send("create_subshell_request", channel="control"))
    return str(created.content["subshell_id"])


def run_in(channels: Channels, subshell_id: str | None, code: str) -> str:
    """Send code to one of the shells of a kernel and return the request's id."""
    content = {"code": code, "silent": False, "allow_stdin": False}
    return channels.send("execute_request", content, subshell_id=subshell_id)


@pytest.mark.parametrize("where", ["main shell", "subshell"])
def test_adopted_kernel_is_busy_until_what_ran_has_ended(start_server: ServerFactory, where: str) -> None:
    """Other shells of the kernel may be asked meanwhile; none of their answers says that it is idle."""
    first = start_server()
    kernel_id = first.start_kernel()["id"]
    with Channels(first, kernel_id) as before, Gate() as gate:
        subshell = create_subshell(before)
        busy, free = (None, subshell) if where == "main shell" else (subshell, None)
        run_in(before, busy, gate.code + "report(); stop()")
        gate.wait_for_report()
        kill(first)
        second = start_server(home=first.home)
        assert state_of(second, kernel_id) == "busy"
        with Channels(second, kernel_id) as after:
            assert after.result_of(run_in(after, free, "print('meanwhile')")).text() == "meanwhile\n"
            assert state_of(second, kernel_id) == "busy"
            gate.open()
            wait_for_state(second, kernel_id, "idle")


def test_subshells_that_do_nothing_do_not_keep_an_adopted_kernel_busy(start_server: ServerFactory) -> None:
    first = start_server()
    kernel_id = first.start_kernel()["id"]
    with Channels(first, kernel_id) as before:
        create_subshell(before)
        create_subshell(before)
        kill(first)
    wait_for_state(start_server(home=first.home), kernel_id, "idle")


def test_busy_subshell_that_is_deleted_does_not_keep_an_adopted_kernel_busy(
    start_server: ServerFactory,
) -> None:
    first = start_server()
    kernel_id = first.start_kernel()["id"]
    with Channels(first, kernel_id) as before, Gate() as gate:
        subshell = create_subshell(before)
        run_in(before, subshell, gate.code + "report(); stop()")
        gate.wait_for_report()
        kill(first)
        second = start_server(home=first.home)
        with Channels(second, kernel_id) as after:
            after.send("delete_subshell_request", {"subshell_id": subshell}, channel="control")
            assert state_of(second, kernel_id) == "busy"
            gate.open()
            wait_for_state(second, kernel_id, "idle")


def write_spec(directory: Path, name: str, **members: Any) -> None:
    """Write a kernel spec to a data directory."""
    folder = directory / "kernels" / name
    folder.mkdir(parents=True)
    spec = {"display_name": name, "language": "python", **members}
    (folder / "kernel.json").write_text(json.dumps(spec))


def test_kernel_that_is_starting_goes_on_starting(start_server: ServerFactory, tmp_path: Path) -> None:
    """It has what is left of kernel_info_timeout, and nobody waits for it."""
    with Gate() as gate:
        code = (
            gate.code + "report(); stop()\nfrom ipykernel import kernelapp; kernelapp.launch_new_instance()"
        )
        write_spec(tmp_path, "slow", argv=[sys.executable, "-c", code, "-f", "{connection_file}"])
        environment = {"JUPYTER_PATH": str(tmp_path)}
        first = start_server(environment=environment)
        kernel_id = first.start_kernel("slow")["id"]
        gate.wait_for_report()
        wait_for_rows(first, "kernels", 1)
        kill(first)
        second = start_server(home=first.home, environment=environment)
        assert [kernel["id"] for kernel in kernels(second)] == [kernel_id]
        assert state_of(second, kernel_id) == "starting"
        with Channels(second, kernel_id) as channels:
            asked = channels.execute("print('hello')")
            gate.open()
            assert channels.result_of(asked).text() == "hello\n"
        assert state_of(second, kernel_id) == "idle"


def test_kernel_that_never_answers_is_dead_when_its_time_is_over(
    start_server: ServerFactory, tmp_path: Path
) -> None:
    write_spec(tmp_path, "mute", argv=["sleep", "3600"])
    environment = {"JUPYTER_PATH": str(tmp_path)}
    first = start_server(environment=environment)
    kernel_id = first.start_kernel("mute")["id"]
    wait_for_rows(first, "kernels", 1)
    kill(first)
    options = ["--MappingKernelManager.kernel_info_timeout=1"]
    second = start_server(home=first.home, environment=environment, options=options)
    wait_for_state(second, kernel_id, "dead")


def test_server_of_another_root_directory_has_the_kernel_without_its_session(
    start_server: ServerFactory, tmp_path: Path
) -> None:
    """There `a.ipynb` is another file."""
    first = start_server()
    session = create_session(first)
    with Channels(first, session["kernel"]["id"]) as channels:
        pid = pid_of(channels)
        wait_for_rows(first, "sessions", 1)
        kill(first)
    second = start_server(home=first.home, options=[f"--ServerApp.root_dir={tmp_path}"])
    assert [kernel["id"] for kernel in kernels(second)] == [session["kernel"]["id"]]
    assert second.get("/api/sessions").json() == []
    wait_for_rows(second, "sessions", 0)
    assert str(first.root) in log_of(second)
    with Channels(second, session["kernel"]["id"]) as channels:
        assert pid_of(channels) == pid


def test_root_directory_by_another_name_is_the_same(start_server: ServerFactory, tmp_path: Path) -> None:
    first = start_server()
    session = create_session(first)
    with Channels(first, session["kernel"]["id"]) as channels:
        pid_of(channels)
        wait_for_rows(first, "sessions", 1)
        kill(first)
    link = tmp_path / "link"
    link.symlink_to(first.root)
    second = start_server(home=first.home, options=[f"--ServerApp.root_dir={link}/."])
    assert [found["id"] for found in second.get("/api/sessions").json()] == [session["id"]]


def test_restart_is_by_the_kernel_spec_of_this_server(start_server: ServerFactory, tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    for name in ("first", "second"):
        write_spec(tmp_path / name, "ours", argv=argv, env={"WHOSE": name})
    first = start_server(environment={"JUPYTER_PATH": str(tmp_path / "first")})
    kernel_id = first.start_kernel("ours")["id"]
    ask = "import os; print(os.environ['WHOSE'])"
    with Channels(first, kernel_id) as channels:
        assert channels.run(ask).text() == "first\n"
        kill(first)
    environment = {"JUPYTER_PATH": str(tmp_path / "second")}
    # Who adopts it next knows still what it runs.
    second = start_server(home=first.home, environment=environment)
    kernels(second)
    kill(second)
    third = start_server(home=first.home, environment=environment)
    with Channels(third, kernel_id) as channels:
        assert channels.run(ask).text() == "first\n"
        said = f"Kernel {kernel_id} was started by another kernel spec"
        lines = [line for line in log_of(third).splitlines() if said in line]
        assert len(lines) == 2
        assert all(str(tmp_path / name) in line for name in ("first", "second") for line in lines)
        assert third.post(f"/api/kernels/{kernel_id}/restart").status_code == 200
        assert channels.run(ask).text() == "second\n"


def test_prompt_and_reply_go_to_the_user_who_asked(start_server: ServerFactory, tmp_path: Path) -> None:
    """Whoever else opens the session of the same id at the next server, before and after the owner."""
    names = ("aaa", "owner", "zed")
    tokens = {name: f"token-of-{name}-0123456789" for name in names}
    rights: dict[str, Json] = {"aaa": {"read_only": True, "all_kernels": True}, "zed": {"all_kernels": True}}
    users = [{"username": name, "token": tokens[name], **rights.get(name, {})} for name in names]
    configuration = tmp_path / "configuration"
    configuration.mkdir()
    file = configuration / "jupyter_nextgen_kernels_config.json"
    file.write_text(json.dumps({"IdentityProvider": {"users": users}}))
    file.chmod(0o600)
    environment = {"JUPYTER_CONFIG_DIR": str(configuration)}
    first = start_server(environment=environment)
    owner = {"Authorization": f"token {tokens['owner']}"}
    kernel_id = first.post("/api/kernels", json={"name": "python3"}, headers=owner).json()["id"]
    gate = tmp_path / "gate"

    def connect(server: Server, name: str) -> Channels:
        return Channels(server, kernel_id, session_id="shared", token=tokens[name])

    before = connect(first, "owner")
    running = before.execute(
        f"import pathlib, time\nwhile not pathlib.Path({str(gate)!r}).exists(): time.sleep(0.01)\n"
        "print(input('who? '))",
        allow_stdin=True,
    )
    before.published("execute_input", running)
    kill(first)
    second = start_server(home=first.home, environment=environment)
    others = [connect(second, "aaa"), connect(second, "zed")]
    mine = connect(second, "owner")
    gate.touch()
    question = mine.wait_for(lambda m: m.type == "input_request", "the question")
    mine.send("input_reply", {"value": "me"}, channel="stdin", parent_header=question.header)
    assert mine.result_of(running).reply.content["status"] == "ok"
    for other in others:
        other.status("idle", running)
        assert [m.type for m in other.waiting if m.channel in {"shell", "stdin"}] == []
