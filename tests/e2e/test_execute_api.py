"""Code run over HTTP, without a WebSocket: `/api/nextgen/kernels/{id}/execute`."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import nbformat
import pytest
import requests
from harness.channels import Channels
from harness.server import Server, is_stock
from harness.waiting import PATIENCE, Gate, poll_until
from test_rest_api import UNKNOWN, check_error

pytestmark = pytest.mark.skipif(is_stock(), reason="jupyter_server has no such path")

Json = dict[str, Any]
JSON_LINES = {"Accept": "application/jsonl"}
#: Code that no interrupt ends; a shutdown begins with one.
DEAF = (
    "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    "print('deaf', flush=True)\ntime.sleep(600)"
)


def url_of(kernel_id: str) -> str:
    return f"/api/nextgen/kernels/{kernel_id}/execute"


def run(server: Server, kernel_id: str, code: str, **fields: Any) -> Json:
    """Run code and return the folded result."""
    response = server.post(url_of(kernel_id), json={"code": code, **fields})
    assert response.status_code == 200, response.text
    assert response.headers["Content-Type"] == "application/json"
    result: Json = response.json()
    check_outputs(result["outputs"])
    return result


def check_outputs(outputs: list[Json]) -> None:
    """What nbformat accepts in a code cell."""
    cell = nbformat.v4.new_code_cell(outputs=[nbformat.from_dict(output) for output in outputs])
    nbformat.validate(nbformat.v4.new_notebook(cells=[cell]))


class Stream:
    """The lines of one execution, as they come."""

    def __init__(self, server: Server, kernel_id: str, code: str, **fields: Any) -> None:
        self.response = server.post(
            url_of(kernel_id), json={"code": code, **fields}, headers=JSON_LINES, stream=True
        )
        assert self.response.status_code == 200, self.response.text
        assert self.response.headers["Content-Type"] == "application/jsonl"
        self._lines = self.response.iter_lines(chunk_size=None)
        self.id = self.next("accepted")["execution_id"]

    def next(self, kind: str | None = None) -> Json:
        """The next line, which must be of this type."""
        line: Json = json.loads(next(self._lines))
        assert kind is None or line["type"] == kind, line
        return line

    def message(self, msg_type: str) -> Json:
        """The next line, which must be a message of this type; its content."""
        line = self.next("message")
        assert line["msg_type"] == msg_type, line
        content: Json = line["content"]
        return content

    def rest(self) -> list[Json]:
        """All lines up to the end."""
        return [json.loads(line) for line in self._lines]

    def close(self) -> None:
        self.response.close()


@contextmanager
def streaming(server: Server, kernel_id: str, code: str, **fields: Any) -> Iterator[Stream]:
    stream = Stream(server, kernel_id, code, **fields)
    try:
        yield stream
    finally:
        stream.close()


def stream_end(stream: Stream, status: str, reason: str) -> Json:
    """The last line of code that did not run."""
    return {
        "type": "end",
        "execution_id": stream.id,
        "status": status,
        "reason": reason,
        "execution_count": None,
    }


def status_of(server: Server, kernel_id: str, execution_id: str) -> str | None:
    """Where an execution stands; None when it has ended."""
    models = server.get(url_of(kernel_id)).json()
    return {model["execution_id"]: model["status"] for model in models}.get(execution_id)


def cancel(server: Server, kernel_id: str, execution_id: str, status: int = 204) -> None:
    assert server.delete(f"{url_of(kernel_id)}/{execution_id}").status_code == status


class TestFolded:
    """One answer with all outputs in it."""

    def test_streams_and_results(self, server: Server, kernel_id: str) -> None:
        code = "import sys\nfor i in range(3): print(i, flush=True)\nprint('no', file=sys.stderr)\n6 * 7"
        result = run(server, kernel_id, code)
        assert result["status"] == "ok"
        assert result["execution_count"] == 1
        stdout, stderr, value = result["outputs"]
        assert stdout == {"output_type": "stream", "name": "stdout", "text": "0\n1\n2\n"}
        assert stderr == {"output_type": "stream", "name": "stderr", "text": "no\n"}
        assert value["output_type"] == "execute_result"
        assert value["data"] == {"text/plain": "42"}
        assert value["execution_count"] == 1

    def test_error(self, server: Server, kernel_id: str) -> None:
        result = run(server, kernel_id, "print('before')\n1/0")
        assert result["status"] == "error"
        assert result["ename"] == "ZeroDivisionError"
        assert [output["output_type"] for output in result["outputs"]] == ["stream", "error"]
        assert result["outputs"][1]["ename"] == "ZeroDivisionError"
        assert "division" in result["evalue"]

    def test_displays_are_updated_in_place(self, server: Server, kernel_id: str) -> None:
        code = (
            "from IPython.display import display\n"
            "handle = display('first', display_id=True)\nprint('between')\nhandle.update('second')"
        )
        display, stream = run(server, kernel_id, code)["outputs"]
        assert display["data"]["text/plain"] == "'second'"
        assert stream["text"] == "between\n"

    @pytest.mark.parametrize("wait", [True, False])
    def test_cleared_outputs_are_gone(self, server: Server, kernel_id: str, wait: bool) -> None:
        code = (
            "from IPython.display import clear_output\n"
            f"print('old', flush=True)\nclear_output(wait={wait})\nprint('new')"
        )
        outputs = run(server, kernel_id, code)["outputs"]
        assert [output["text"] for output in outputs] == ["new\n"]

    def test_clearing_waits_for_an_output(self, server: Server, kernel_id: str) -> None:
        code = "from IPython.display import clear_output\nprint('old', flush=True)\nclear_output(wait=True)"
        assert [output["text"] for output in run(server, kernel_id, code)["outputs"]] == ["old\n"]

    def test_user_expressions_silence_and_history(self, server: Server, kernel_id: str) -> None:
        result = run(server, kernel_id, "x = 3", user_expressions={"double": "2 * x"}, store_history=False)
        assert result["user_expressions"]["double"]["data"]["text/plain"] == "6"
        result = run(server, kernel_id, "x", silent=True)
        assert result["status"] == "ok"
        assert result["outputs"] == []
        assert run(server, kernel_id, "x")["execution_count"] == 1

    def test_input_is_refused_by_the_kernel(self, server: Server, kernel_id: str) -> None:
        assert run(server, kernel_id, "input()")["ename"] == "StdinNotImplementedError"

    def test_huge_output_arrives_whole(self, server: Server, kernel_id: str) -> None:
        result = run(server, kernel_id, "print('x' * 20_000_000)")
        assert result["outputs"][0]["text"] == "x" * 20_000_000 + "\n"
        assert "truncated" not in result

    def test_past_the_bound_the_answer_says_so(self, server: Server, kernel_id: str) -> None:
        result = run(server, kernel_id, "for _ in range(7): print('x' * 10_000_000, flush=True)")
        assert result["status"] == "ok"
        assert result["truncated"] is True
        assert len(result["outputs"][0]["text"]) <= 64 * 1024 * 1024


class TestStreamed:
    """JSON lines, as things happen."""

    @pytest.mark.parametrize("media_type", ["application/jsonl", "application/x-ndjson"])
    def test_media_types(self, server: Server, kernel_id: str, media_type: str) -> None:
        response = server.post(
            url_of(kernel_id), json={"code": "1"}, headers={"Accept": f"text/html;q=0.1, {media_type};q=0.9"}
        )
        assert response.headers["Content-Type"] == media_type
        lines = [json.loads(line) for line in response.text.splitlines()]
        assert [line["type"] for line in lines] == ["accepted", "message", "message", "end"]
        assert response.headers["Location"] == f"{url_of(kernel_id)}/{lines[0]['execution_id']}"

    def test_lines_come_while_the_code_runs(self, server: Server, kernel_id: str) -> None:
        with Gate() as gate:
            code = gate.code + "print('one', flush=True)\nstop()\nprint('two')"
            with streaming(server, kernel_id, code) as stream:
                assert stream.message("execute_input")["execution_count"] == 1
                assert stream.message("stream")["text"] == "one\n"
                assert status_of(server, kernel_id, stream.id) == "running"
                gate.open()
                assert stream.message("stream")["text"] == "two\n"
                assert stream.next("end")["status"] == "ok"

    def test_order_of_many_outputs(self, server: Server, kernel_id: str) -> None:
        code = "from IPython.display import display\nfor i in range(2000): display(i)"
        with streaming(server, kernel_id, code) as stream:
            *lines, end = stream.rest()
        numbers = [
            int(line["content"]["data"]["text/plain"]) for line in lines if line["msg_type"] == "display_data"
        ]
        assert numbers == list(range(2000))
        assert end["status"] == "ok"

    def test_error_and_display_updates(self, server: Server, kernel_id: str) -> None:
        code = (
            "from IPython.display import display\n"
            "h = display(1, display_id='d')\nh.update(2)\nraise KeyError(3)"
        )
        with streaming(server, kernel_id, code) as stream:
            *lines, end = stream.rest()
        types = [line["msg_type"] for line in lines]
        assert types == ["execute_input", "display_data", "update_display_data", "error"]
        assert lines[1]["content"]["transient"]["display_id"] == "d"
        assert end["status"] == "error"
        assert end["ename"] == "KeyError"

    def test_a_client_that_does_not_read_slows_nobody(self, server: Server, kernel_id: str) -> None:
        code = "for _ in range(400): print('x' * 100_000, flush=True)"
        with streaming(server, kernel_id, code) as slow:
            # Nothing of it is read, and the kernel is free for the next one all the same.
            assert run(server, kernel_id, "1 + 1")["status"] == "ok"
            *lines, end = slow.rest()
        assert sum(len(line["content"].get("text", "")) for line in lines) == 400 * 100_001
        assert end["status"] == "ok"


class TestQueue:
    """Several at a time."""

    def test_in_the_order_they_came(self, server: Server, kernel_id: str) -> None:
        with Gate() as gate, streaming(server, kernel_id, gate.code + "stop()\nx = [0]") as first:
            streams = [Stream(server, kernel_id, f"x.append({i}); x") for i in range(1, 6)]
            assert status_of(server, kernel_id, streams[-1].id) == "queued"
            gate.open()
            assert first.rest()[-1]["status"] == "ok"
            results = [stream.rest() for stream in streams]
        for i, lines in enumerate(results, 1):
            shown = [line for line in lines if line.get("msg_type") == "execute_result"]
            assert shown[0]["content"]["data"]["text/plain"] == str(list(range(i + 1)))

    def test_two_clients_get_what_is_theirs(self, server: Server, kernel_id: str) -> None:
        def client(name: str) -> list[str]:
            return [
                run(server, kernel_id, f"print({f'{name}{i}'!r})")["outputs"][0]["text"] for i in range(20)
            ]

        with ThreadPoolExecutor() as pool:
            a, b = pool.map(client, ["a", "b"])
        assert a == [f"a{i}\n" for i in range(20)]
        assert b == [f"b{i}\n" for i in range(20)]

    def test_an_error_aborts_what_waits(self, server: Server, kernel_id: str) -> None:
        with Gate() as gate, streaming(server, kernel_id, gate.code + "stop()\n1/0") as first:
            waiting = [Stream(server, kernel_id, "print('not run')") for _ in range(2)]
            gate.open()
            assert first.rest()[-1]["status"] == "error"
            for stream in waiting:
                (end,) = stream.rest()
                assert end["status"] == "aborted"
                assert first.id in end["reason"]
        assert run(server, kernel_id, "'goes on'")["status"] == "ok"

    def test_unless_it_is_told_not_to(self, server: Server, kernel_id: str) -> None:
        code = "stop()\n1/0"
        with Gate() as gate, streaming(server, kernel_id, gate.code + code, stop_on_error=False) as first:
            second = Stream(server, kernel_id, "1 + 1")
            gate.open()
            assert first.rest()[-1]["status"] == "error"
            assert second.rest()[-1]["status"] == "ok"

    def test_a_waiting_one_is_withdrawn(self, server: Server, kernel_id: str) -> None:
        with Gate() as gate, streaming(server, kernel_id, gate.code + "stop()") as first:
            second = Stream(server, kernel_id, "ran = True")
            third = Stream(server, kernel_id, "'ran' in globals()")
            cancel(server, kernel_id, second.id)
            (end,) = second.rest()
            assert end["status"] == "cancelled"
            gate.open()
            assert first.rest()[-1]["status"] == "ok"
            lines = third.rest()
        assert lines[1]["content"]["data"]["text/plain"] == "False"

    def test_a_running_one_is_interrupted_and_no_other(self, server: Server, kernel_id: str) -> None:
        with streaming(server, kernel_id, "import time\nprint('on', flush=True)\ntime.sleep(600)") as first:
            second = Stream(server, kernel_id, "'second'")
            assert first.message("execute_input")
            assert first.message("stream")["text"] == "on\n"
            cancel(server, kernel_id, first.id)
            end = first.rest()[-1]
            assert end["status"] == "cancelled"
            assert end["ename"] == "KeyboardInterrupt"
            assert second.rest()[-1]["status"] == "ok"

    def test_code_that_waits_for_a_websockets_is_withdrawn(self, server: Server, kernel_id: str) -> None:
        with Gate() as gate, Channels(server, kernel_id) as channels:
            request = channels.execute(gate.code + "report()\nstop()\nprint('whole')")
            gate.wait_for_report()
            with streaming(server, kernel_id, "ran = True") as stream:
                assert status_of(server, kernel_id, stream.id) == "queued"
                cancel(server, kernel_id, stream.id)
                assert stream.rest() == [stream_end(stream, "cancelled", "Withdrawn before it began")]
            gate.open()
            assert channels.reply_to(request).content["status"] == "ok"
        shown = run(server, kernel_id, "'ran' in globals()")["outputs"][0]
        assert shown["data"]["text/plain"] == "False"

    def test_code_of_a_websocket_is_not_interrupted_instead(self, server: Server, kernel_id: str) -> None:
        with Gate() as before, Gate() as gate, Channels(server, kernel_id) as channels:
            channels.execute(before.code + "report()\nstop()")
            before.wait_for_report()
            with streaming(server, kernel_id, "import time; time.sleep(600)") as stream:
                later = channels.execute(gate.code + "report()\nstop()\nprint('whole')")
                # The answer shows that the server has read what came before it on this socket.
                channels.reply_to(channels.send("kernel_info_request", channel="control"))
                before.open()
                gate.wait_for_report()
                poll_until(lambda: status_of(server, kernel_id, stream.id) == "sent" or None, "its turn")
                cancel(server, kernel_id, stream.id, status=202)
                gate.open()
                assert channels.reply_to(later).content["status"] == "ok"
                assert stream.rest()[-1]["status"] == "cancelled"

    def test_a_lost_reply_keeps_nobody_waiting(self, server: Server, kernel_id: str) -> None:
        # ipykernel sends no reply when the interrupt comes once the code has ended, before it has replied.
        code = (
            "kernel = get_ipython().kernel\n"
            "original = kernel.finish_metadata\n"
            "def linger(*args):\n"
            "    import time\n"
            "    kernel.finish_metadata = original\n"
            "    report()\n"
            "    time.sleep(600)\n"
            "kernel.finish_metadata = linger\n"
        )
        with Gate() as gate, streaming(server, kernel_id, gate.code + code) as first:
            second = Stream(server, kernel_id, "'second'")
            gate.wait_for_report()
            cancel(server, kernel_id, first.id)
            end = first.rest()[-1]
            assert end["status"] == "cancelled"
            assert "without a reply" in end["reason"]
            assert second.rest()[-1]["status"] == "ok"
        assert server.get(url_of(kernel_id)).json() == []
        pending = f'nextgen_kernels_kernel_pending_requests{{kernel_id="{kernel_id}",type="python3"}} 0'
        assert pending in server.get("/metrics").text

    def test_cancelling_what_is_not_there(self, server: Server, kernel_id: str) -> None:
        check_error(server.delete(f"{url_of(kernel_id)}/{UNKNOWN}"), 404)
        execution_id = run(server, kernel_id, "1")["execution_id"]
        check_error(server.delete(f"{url_of(kernel_id)}/{execution_id}"), 404)


class TestEnds:
    """Time, disconnects and death."""

    def test_timeout_interrupts(self, server: Server, kernel_id: str) -> None:
        code = "import time\ntry:\n  time.sleep(600)\nfinally:\n  print('cleaned up')"
        result = run(server, kernel_id, code, timeout=0.5)
        assert result["status"] == "timeout"
        assert result["ename"] == "KeyboardInterrupt"
        assert result["outputs"][0]["text"] == "cleaned up\n"
        assert run(server, kernel_id, "1")["status"] == "ok"

    def test_timeout_counts_from_the_beginning(self, server: Server, kernel_id: str) -> None:
        with Gate() as gate, Channels(server, kernel_id) as channels:
            channels.execute(gate.code + "report()\nstop()")
            gate.wait_for_report()
            limit = 2.0
            begin = time.monotonic()
            with streaming(server, kernel_id, "'in time'", timeout=limit) as stream:
                poll_until(lambda: time.monotonic() - begin > limit or None, "more than that time")
                assert status_of(server, kernel_id, stream.id) == "queued"
                gate.open()
                assert stream.rest()[-1]["status"] == "ok"

    def test_a_client_that_leaves_lets_the_code_run(self, server: Server, kernel_id: str) -> None:
        with Gate() as gate:
            stream = Stream(server, kernel_id, gate.code + "report()\nstop()\nresult = 'whole'")
            gate.wait_for_report()
            stream.close()
            gate.open()
            outputs = run(server, kernel_id, "result")["outputs"]
        assert outputs[0]["data"]["text/plain"] == "'whole'"

    def test_unless_it_asked_for_the_end(self, server: Server, kernel_id: str) -> None:
        code = "import time\nprint('on', flush=True)\ntime.sleep(600)"
        stream = Stream(server, kernel_id, code, on_disconnect="cancel")
        stream.message("execute_input")
        assert stream.message("stream")["text"] == "on\n"
        stream.close()
        assert run(server, kernel_id, "'free'")["status"] == "ok"

    def test_death_in_the_middle(self, server: Server, kernel_id: str) -> None:
        code = "import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(600)"
        with streaming(server, kernel_id, code) as stream, streaming(server, kernel_id, "1") as waiting:
            stream.message("execute_input")
            os.kill(int(stream.message("stream")["text"]), signal.SIGKILL)
            end = stream.rest()[-1]
            assert end["status"] == "dead"
            assert "signal 9" in end["reason"]
            assert waiting.rest()[-1]["status"] == "aborted"
        # It was restarted.
        assert run(server, kernel_id, "1")["status"] == "ok"

    def test_restart_in_the_middle(self, server: Server, kernel_id: str) -> None:
        with streaming(server, kernel_id, DEAF) as stream:
            stream.message("execute_input")
            assert stream.message("stream")["text"] == "deaf\n"
            assert server.post(f"/api/kernels/{kernel_id}/restart").status_code == 200
            end = stream.rest()[-1]
        assert end["status"] == "dead"
        assert "restarted" in end["reason"]
        assert run(server, kernel_id, "'time' in globals()")["outputs"][0]["data"]["text/plain"] == "False"

    def test_shutdown_in_the_middle(self, server: Server) -> None:
        with (
            server.kernel() as kernel_id,
            streaming(server, kernel_id, DEAF) as stream,
        ):
            stream.message("execute_input")
            assert stream.message("stream")["text"] == "deaf\n"
            assert server.delete(f"/api/kernels/{kernel_id}").status_code == 204
            end = stream.rest()[-1]
        assert end["status"] == "dead"
        assert end["reason"] == "The kernel was shut down"

    def test_code_for_a_kernel_that_starts(self, server: Server) -> None:
        with server.kernel() as kernel_id:
            assert run(server, kernel_id, "1 + 1")["outputs"][0]["data"]["text/plain"] == "2"


class TestBadRequests:
    """What is refused, and how."""

    def test_unknown_kernel(self, server: Server) -> None:
        check_error(
            server.post(url_of(UNKNOWN), json={"code": "1"}), 404, f"Kernel does not exist: {UNKNOWN}"
        )
        check_error(server.get(url_of(UNKNOWN)), 404)
        check_error(server.delete(f"{url_of(UNKNOWN)}/{UNKNOWN}"), 404)

    @pytest.mark.parametrize(
        ("body", "named"),
        [
            ({}, "code"),
            ({"code": 3}, "code"),
            ({"code": None}, "code"),
            ({"code": "1", "silent": "yes"}, "silent"),
            ({"code": "1", "store_history": 1}, "store_history"),
            ({"code": "1", "stop_on_error": []}, "stop_on_error"),
            ({"code": "1", "allow_stdin": True}, "allow_stdin"),
            ({"code": "1", "user_expressions": []}, "user_expressions"),
            ({"code": "1", "user_expressions": {"a": 1}}, "user_expressions"),
            ({"code": "1", "timeout": 0}, "timeout"),
            ({"code": "1", "timeout": -1}, "timeout"),
            ({"code": "1", "timeout": "1"}, "timeout"),
            ({"code": "1", "timeout": 1e300}, "timeout"),
            ({"code": "1", "on_disconnect": "explode"}, "on_disconnect"),
            ({"code": "1", "cell_id": "x" * 256}, "cell_id"),
            ({"code": "1", "timout": 3}, "Did you mean 'timeout'?"),
            ([], "object"),
        ],
    )
    def test_bad_bodies(self, server: Server, kernel_id: str, body: Any, named: str) -> None:
        assert named in check_error(server.post(url_of(kernel_id), json=body), 400)["message"]

    def test_deep_json(self, server: Server, kernel_id: str) -> None:
        body = '{"code": "1", "user_expressions": ' + '{"a":' * 100_000 + "1" + "}" * 100_001
        check_error(server.post(url_of(kernel_id), data=body), 400)

    def test_needs_the_token(self, server: Server, kernel_id: str) -> None:
        response = requests.post(server.url + url_of(kernel_id), json={"code": "1"}, timeout=PATIENCE)
        check_error(response, 403)

    def test_dead_kernel(self, start_server: Any) -> None:
        server = start_server(options=["--KernelManager.autorestart=False"])
        kernel_id = server.start_kernel()["id"]
        result = run(server, kernel_id, "import os; os._exit(3)")
        assert result["status"] == "dead"
        poll_until(
            lambda: server.get(f"/api/kernels/{kernel_id}").json()["execution_state"] == "dead" or None,
            "death",
        )
        message = check_error(server.post(url_of(kernel_id), json={"code": "1"}), 503)["message"]
        assert "exited with status 3" in message
