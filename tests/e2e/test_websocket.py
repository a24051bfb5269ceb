"""The channels of a kernel, spoken by hand: negotiation, routing, order, bad input."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import select
import signal
import struct
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
import requests
import websocket
from conftest import ServerFactory
from harness.channels import (
    V1,
    Channels,
    Message,
    SocketClosed,
    decode_v1,
    encode_legacy,
    encode_v1,
    frame_legacy,
    frame_v1,
)
from harness.server import Server
from harness.waiting import PATIENCE, Gate, poll_until, process_ended
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect
from websocket import ABNF

UNKNOWN = "111-111-111-111-111"

both_protocols = pytest.mark.parametrize("offered", [(V1,), ()], ids=["v1", "legacy"])


@pytest.fixture(scope="module")
def shared_kernel(server: Server) -> Iterator[str]:
    """One kernel for the tests that do not harm it."""
    with server.kernel() as kernel_id:
        with Channels(server, kernel_id) as channels:
            channels.run("pass")
        yield kernel_id


@dataclass
class GatedKernel:
    """A kernel that has been started on a server and goes on when the gate is opened."""

    server: Server
    kernel_id: str
    opener: int

    def let_start(self) -> None:
        """Open the gate."""
        os.write(self.opener, b"go\n")


UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


class TestHandshake:
    """Who gets a socket, and which protocol it speaks."""

    @pytest.mark.parametrize(
        ("offered", "chosen"),
        [
            ([V1], V1),
            (["other", V1], V1),
            ([V1, "other"], V1),
            ([], None),
        ],
    )
    def test_subprotocol(
        self, server: Server, shared_kernel: str, offered: list[str], chosen: str | None
    ) -> None:
        with Channels(server, shared_kernel, offered=offered) as channels:
            assert channels.socket.getsubprotocol() == chosen
            assert channels.run("1 + 1").of_type("execute_result")[0].content["data"]["text/plain"] == "2"

    @pytest.mark.parametrize("offered", ["other", "v2.kernel.websocket.jupyter.org, other"])
    def test_unknown_subprotocols_are_not_confirmed(
        self, server: Server, shared_kernel: str, offered: str
    ) -> None:
        """A browser then gives up and comes back without any, to speak the legacy protocol."""
        connection = HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        headers = server.headers | UPGRADE | {"Sec-WebSocket-Protocol": offered}
        connection.request("GET", f"/api/kernels/{shared_kernel}/channels", headers=headers)
        response = connection.getresponse()
        assert response.status == 101
        assert response.headers["Sec-WebSocket-Protocol"] is None
        connection.close()

    def refused(self, server: Server, path: str, **arguments: Any) -> int:
        """Status with which the upgrade is refused."""
        with pytest.raises(websocket.WebSocketBadStatusException) as caught:
            websocket.create_connection(
                f"ws://127.0.0.1:{server.port}{path}", timeout=PATIENCE, subprotocols=[V1], **arguments
            )
        return caught.value.status_code

    def test_no_token_is_403(self, server: Server, shared_kernel: str) -> None:
        assert self.refused(server, f"/api/kernels/{shared_kernel}/channels") == 403

    def test_wrong_token_is_403(self, server: Server, shared_kernel: str) -> None:
        assert self.refused(server, f"/api/kernels/{shared_kernel}/channels?token=wrong") == 403
        headers = {"Authorization": "token wrong"}
        assert self.refused(server, f"/api/kernels/{shared_kernel}/channels", header=headers) == 403

    def test_unknown_kernel_is_404(self, server: Server) -> None:
        assert self.refused(server, f"/api/kernels/{UNKNOWN}/channels", header=server.headers) == 404

    def test_unknown_kernel_without_token_is_403(self, server: Server) -> None:
        assert self.refused(server, f"/api/kernels/{UNKNOWN}/channels") == 403

    def test_foreign_origin_with_a_cookie_is_403(self, server: Server, shared_kernel: str) -> None:
        status = self.refused(
            server,
            f"/api/kernels/{shared_kernel}/channels",
            cookie=self.cookies(server),
            origin="http://evil.example",
        )
        assert status == 403

    @pytest.mark.parametrize("place", ["query", "token", "Bearer", "cookie"])
    def test_places_of_the_token(self, server: Server, shared_kernel: str, place: str) -> None:
        url = f"ws://127.0.0.1:{server.port}/api/kernels/{shared_kernel}/channels"
        headers = {}
        cookie = None
        if place == "query":
            url += f"?token={server.token}"
        elif place == "cookie":
            cookie = self.cookies(server)
        else:
            headers = {"Authorization": f"{place} {server.token}"}
        socket = websocket.create_connection(url, timeout=PATIENCE, header=headers, cookie=cookie)
        assert socket.getstatus() == 101
        socket.close()

    def test_plain_get_is_refused(self, server: Server, shared_kernel: str) -> None:
        assert 400 <= server.get(f"/api/kernels/{shared_kernel}/channels").status_code < 500

    def test_connections_are_counted(self, server: Server, shared_kernel: str) -> None:
        def connections(expected: int) -> None:
            model = f"/api/kernels/{shared_kernel}"
            poll_until(
                lambda: server.get(model).json()["connections"] == expected or None,
                f"{expected} connections in the model",
            )

        connections(0)
        with Channels(server, shared_kernel), Channels(server, shared_kernel):
            connections(2)
        connections(0)

    @staticmethod
    def cookies(server: Server) -> str:
        """The cookies of a browser that came with the token once."""
        browser = requests.Session()
        browser.get(f"{server.url}/?token={server.token}", timeout=PATIENCE)
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in browser.cookies)


@both_protocols
class TestMessages:
    """Requests and what they lead to, on both protocols."""

    @pytest.fixture
    def channels(self, server: Server, shared_kernel: str, offered: tuple[str, ...]) -> Iterator[Channels]:
        with Channels(server, shared_kernel, offered=offered) as channels:
            yield channels

    def test_kernel_info(self, channels: Channels) -> None:
        for channel in ("shell", "control"):
            reply = channels.reply_to(channels.send("kernel_info_request", channel=channel))
            assert reply.channel == channel
            assert reply.type == "kernel_info_reply"
            assert reply.content["implementation"] == "ipython"

    def test_outputs_come_in_order(self, channels: Channels) -> None:
        execution = channels.run(
            "import sys\nprint('out')\ndisplay('shown')\nprint('err', file=sys.stderr)\n6 * 7"
        )
        assert execution.reply.content["status"] == "ok"
        kinds = [message.type for message in execution.published]
        assert kinds[:2] == ["status", "execute_input"]
        assert kinds[-1] == "status"
        assert execution.text() == "out\n"
        assert execution.text("stderr") == "err\n"
        assert execution.of_type("display_data")[0].content["data"]["text/plain"] == "'shown'"
        assert execution.of_type("execute_result")[0].content["data"]["text/plain"] == "42"
        for message in execution.published:
            for name in ("username", "version", "session", "msg_id", "msg_type"):
                assert isinstance(message.header[name], str)

    def test_error(self, channels: Channels) -> None:
        execution = channels.run("1 / 0")
        assert execution.reply.content["status"] == "error"
        assert execution.reply.content["ename"] == "ZeroDivisionError"
        assert execution.of_type("error")[0].content["evalue"] == "division by zero"

    def test_many_messages_keep_their_order(self, channels: Channels) -> None:
        execution = channels.run("for i in range(2000):\n    display({'text/plain': str(i)}, raw=True)")
        shown = [m.content["data"]["text/plain"] for m in execution.of_type("display_data")]
        assert shown == [str(i) for i in range(2000)]

    def test_text_survives(self, channels: Channels) -> None:
        text = 'zażółć 数 🎉 \\ " \x01 \u2028 </script>'
        assert channels.run(f"print({text!r}, end='')").text() == text

    def test_large_output(self, channels: Channels) -> None:
        execution = channels.run("display({'text/plain': 'x' * 2_000_000}, raw=True)")
        assert execution.of_type("display_data")[0].content["data"]["text/plain"] == "x" * 2_000_000

    def test_large_request(self, channels: Channels) -> None:
        assert channels.run(f"len({'y' * 200_000!r})").of_type("execute_result")[0].content["data"][
            "text/plain"
        ] == str(200_000)

    def test_buffers_both_ways(self, channels: Channels) -> None:
        channels.run(
            "def echo(comm, message):\n"
            "    @comm.on_msg\n"
            "    def _(message):\n"
            "        comm.send({'back': True}, buffers=message['buffers'])\n"
            "get_ipython().kernel.comm_manager.register_target('echo', echo)"
        )
        channels.send("comm_open", {"comm_id": channels.session_id, "target_name": "echo", "data": {}})
        buffers = [b"", b"\x00\xff\x80", bytes(range(256)) * 300]
        channels.send("comm_msg", {"comm_id": channels.session_id, "data": {}}, buffers=buffers)
        echoed = channels.wait_for(lambda message: message.type == "comm_msg", "the echo")
        assert echoed.content["data"] == {"back": True}
        assert echoed.buffers == buffers

    def test_input(self, channels: Channels) -> None:
        request = channels.execute("answer = input('question? ')\nprint(answer[::-1])", allow_stdin=True)
        asked = channels.wait_for(lambda message: message.channel == "stdin", "the input_request")
        assert asked.type == "input_request"
        assert asked.content == {"prompt": "question? ", "password": False}
        assert asked.parent == request
        channels.send(
            "input_reply", {"value": "abc", "status": "ok"}, channel="stdin", parent_header=asked.header
        )
        assert channels.result_of(request).text().endswith("cba\n")

    def test_interrupt_by_rest(self, server: Server, shared_kernel: str, channels: Channels) -> None:
        request = channels.execute("print('looping', flush=True)\nwhile True: pass")
        channels.published("stream", request)
        assert server.post(f"/api/kernels/{shared_kernel}/interrupt").status_code == 204
        assert channels.result_of(request).reply.content["ename"] == "KeyboardInterrupt"

    def test_queued_requests_are_aborted_after_an_error(self, channels: Channels) -> None:
        failing = channels.execute("import time\nraise RuntimeError")
        queued = channels.execute("'not run'")
        assert channels.reply_to(failing).content["status"] == "error"
        assert channels.reply_to(queued).content["status"] in {"aborted", "ok"}


@both_protocols
class TestBeforeReady:
    """Requests sent at once are held until the kernel is there."""

    def test_requests_right_after_101_are_answered_in_order(
        self, server: Server, offered: tuple[str, ...]
    ) -> None:
        with server.kernel() as kernel_id, Channels(server, kernel_id, offered=offered) as channels:
            info = channels.send("kernel_info_request")
            requests_sent = [channels.execute(f"print({number})") for number in range(10)]
            assert channels.reply_to(info).type == "kernel_info_reply"
            results = [channels.result_of(request) for request in requests_sent]
            assert [result.reply.content["execution_count"] for result in results] == list(range(1, 11))
            assert [result.text() for result in results] == [f"{number}\n" for number in range(10)]


class TestUpgradeOfAStartingKernel:
    """When the socket opens, as seen with a kernel that starts when the test says so."""

    @pytest.fixture
    def gated_kernel(self, start_server: ServerFactory, tmp_path: Path) -> Iterator[GatedKernel]:
        """A kernel whose process waits at a gate before it becomes ipykernel."""
        server = start_server()
        gate = tmp_path / "gate"
        os.mkfifo(gate)
        install_kernel(
            server,
            "gated",
            [
                "/bin/sh",
                "-c",
                'read -r _ <"$0"; exec "$1" -m ipykernel_launcher -f "$2"',
                str(gate),
                sys.executable,
                "{connection_file}",
            ],
        )
        opener = os.open(gate, os.O_RDWR)  # For both, so that neither opening nor writing can block.
        with server.kernel("gated") as kernel_id:
            yield GatedKernel(server, kernel_id, opener)
        os.close(opener)

    @pytest.mark.stock_differs("the upgrade waits for the kernel", run=False)
    def test_v1_does_not_wait(self, gated_kernel: GatedKernel) -> None:
        server, kernel_id = gated_kernel.server, gated_kernel.kernel_id
        with Channels(server, kernel_id) as channels:
            sent = [channels.execute(f"print({number})") for number in range(3)]
            model = server.get(f"/api/kernels/{kernel_id}").json()
            assert model["execution_state"] == "starting"
            assert model["connections"] == 1
            gated_kernel.let_start()
            assert [channels.result_of(request).text() for request in sent] == ["0\n", "1\n", "2\n"]

    def test_legacy_waits_for_clients_that_expect_it(self, gated_kernel: GatedKernel) -> None:
        """jupyter_server's gateway client takes a kernel for broken when its first reply takes a second."""
        server, kernel_id = gated_kernel.server, gated_kernel.kernel_id
        connection = HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        connection.request("GET", f"/api/kernels/{kernel_id}/channels", headers=server.headers | UPGRADE)
        assert server.get(f"/api/kernels/{kernel_id}").json()["execution_state"] == "starting"
        assert connection.sock is not None
        assert select.select([connection.sock], [], [], 0)[0] == []
        gated_kernel.let_start()
        assert connection.getresponse().status == 101
        connection.close()


class TestSeveralSockets:
    """What everybody gets, and what only the one who asked."""

    @pytest.mark.parametrize(
        "offered", [((V1,), (V1,)), ((V1,), ()), ((), ())], ids=["v1", "mixed", "legacy"]
    )
    def test_output_for_all_replies_for_the_asker(
        self, server: Server, shared_kernel: str, offered: tuple[tuple[str, ...], tuple[str, ...]]
    ) -> None:
        with (
            Channels(server, shared_kernel, offered=offered[0]) as asker,
            Channels(server, shared_kernel, offered=offered[1]) as other,
        ):
            other.fence()
            request = asker.execute("print('for all')")
            assert asker.result_of(request).text() == "for all\n"
            seen = other.published("stream", request)
            assert seen.content["text"] == "for all\n"
            other.status("idle", request)
            assert [m for m in other.fence() if m.channel != "iopub"] == []

    @both_protocols
    def test_question_for_the_one_who_asked(
        self, server: Server, shared_kernel: str, offered: tuple[str, ...]
    ) -> None:
        with (
            Channels(server, shared_kernel, offered=offered) as bystander,
            Channels(server, shared_kernel, offered=offered) as asker,
            Channels(server, shared_kernel, offered=offered) as other,
        ):
            for channels in (bystander, other):
                channels.fence()
            request = asker.execute("print(input('who? '))", allow_stdin=True)
            asked = asker.wait_for(lambda message: message.type == "input_request", "the question")
            asker.send("input_reply", {"value": "me"}, channel="stdin", parent_header=asked.header)
            assert "me" in asker.result_of(request).text()
            for channels in (bystander, other):
                channels.status("idle", request)
                assert [m for m in channels.fence() if m.channel != "iopub"] == []

    def test_one_that_leaves_does_not_disturb_the_others(self, server: Server, shared_kernel: str) -> None:
        with Channels(server, shared_kernel) as staying:
            leaving = Channels(server, shared_kernel)
            request = leaving.execute("print('begun', flush=True)\nfor i in range(50): print(i)")
            staying.published("stream", request)
            leaving.vanish()
            assert staying.status("idle", request)
            assert staying.run("'still here'").reply.content["status"] == "ok"

    @pytest.mark.stock_differs("it may drop messages")
    def test_one_that_does_not_read_does_not_hold_up_the_others(
        self, server: Server, shared_kernel: str
    ) -> None:
        with Channels(server, shared_kernel) as reading, Channels(server, shared_kernel) as silent:
            execution = reading.run(
                "for i in range(400):\n    display({'text/plain': 'z' * 100_000}, raw=True)"
            )
            assert len(execution.of_type("display_data")) == 400
            request = reading.execute("'the end'")
            reading.result_of(request)
            silent.status("idle", request)
            shown = [m for m in silent.waiting if m.type == "display_data"]
            assert len(shown) == 400

    def test_ten_sockets(self, server: Server, shared_kernel: str) -> None:
        with contextlib.ExitStack() as stack:
            sockets = [stack.enter_context(Channels(server, shared_kernel)) for _ in range(10)]
            for channels in sockets:
                channels.fence()
            request = sockets[0].execute("print('hello')")
            for channels in sockets:
                assert channels.published("stream", request)


class TestBuffers:
    """Bytes beside the JSON, as widgets send them."""

    @both_protocols
    def test_bytes_of_a_widget_come_and_go_unchanged(
        self, server: Server, shared_kernel: str, offered: tuple[str, ...]
    ) -> None:
        every_byte = bytes(range(256))
        with Channels(server, shared_kernel, offered=offered) as channels:
            opened = channels.run(
                "import ipywidgets\npicture = ipywidgets.Image(value=bytes(range(256)), format='png')"
            ).of_type("comm_open")
            (model,) = (m for m in opened if m.content["data"]["state"]["_model_name"] == "ImageModel")
            assert model.content["data"]["buffer_paths"] == [["value"]]
            assert model.buffers == [every_byte]

            (update,) = channels.run("picture.value = bytes(range(256)) * 4000").of_type("comm_msg")
            assert update.buffers == [every_byte * 4000]

            content = {
                "comm_id": model.content["comm_id"],
                "data": {"method": "update", "state": {}, "buffer_paths": [["value"]]},
            }
            reversed_bytes = every_byte[::-1] * 5000
            channels.send("comm_msg", content, buffers=[reversed_bytes])
            check = channels.run("print(bytes(picture.value) == bytes(range(255, -1, -1)) * 5000)")
            assert check.text() == "True\n"


class TestReconnect:
    """A client that comes back."""

    @both_protocols
    def test_output_made_while_away_is_replayed_to_the_same_session(
        self, server: Server, offered: tuple[str, ...]
    ) -> None:
        with server.kernel() as kernel_id, Gate() as gate:
            with Channels(server, kernel_id, offered=offered) as channels:
                channels.run(gate.code)
                request = channels.execute(
                    "print('before', flush=True)\nstop()\nfor i in range(100): print(i, flush=True)\nreport()"
                )
                channels.published("stream", request)
            poll_until(
                lambda: server.get(f"/api/kernels/{kernel_id}").json()["connections"] == 0 or None,
                "the disconnect",
            )
            gate.open()
            gate.wait_for_report()
            with Channels(server, kernel_id, offered=offered, session_id=channels.session_id) as again:
                execution = again.result_of(request)
                # What was received in the last moment may come twice.
                printed = execution.text().removeprefix("before\n")
                assert printed == "".join(f"{i}\n" for i in range(100))
                assert execution.reply.content["status"] == "ok"

    def test_same_session_twice_leaves_the_newer_one_working(
        self, server: Server, shared_kernel: str
    ) -> None:
        """JupyterLab in gateway mode does this on every connect."""
        older = Channels(server, shared_kernel)
        with Channels(server, shared_kernel, session_id=older.session_id) as newer:
            newer.run("pass")
            with contextlib.suppress(SocketClosed, websocket.WebSocketException, OSError):
                older.close()
            assert newer.run("1").reply.content["status"] == "ok"


async def run_as_tornado_does(server: Server, kernel_id: str, codes: list[str]) -> list[dict[str, Any]]:
    """Execute as a client that takes 10 MiB at most and comes back; return what it gets."""
    session_id = uuid.uuid4().hex
    url = f"ws://127.0.0.1:{server.port}/api/kernels/{kernel_id}/channels?session_id={session_id}"
    headers = [new_header() | {"msg_type": "execute_request", "session": session_id} for _ in codes]
    received: list[dict[str, Any]] = []
    for connection in range(5):
        socket = await websocket_connect(HTTPRequest(url, headers=server.headers))
        if connection == 0:
            for header, code in zip(headers, codes, strict=True):
                request = Message("shell", header, {}, {}, {"code": code})
                await socket.write_message(encode_legacy(request))
        while (text := await asyncio.wait_for(socket.read_message(), PATIENCE)) is not None:
            received.append(json.loads(text))
            # The reply and the outputs come on two channels: the idle status is the last of the outputs.
            last = [m for m in received if m["parent_header"].get("msg_id") == headers[-1]["msg_id"]]
            is_idle = any(m["content"].get("execution_state") == "idle" for m in last)
            if is_idle and any(m["msg_type"] == "execute_reply" for m in last):
                return received
    raise AssertionError(f"no reply and idle status after {connection + 1} connections")


class TestLargeMessages:
    """What some clients do not take."""

    @pytest.mark.stock_differs("the same message breaks every connection of the session", run=False)
    def test_a_client_with_a_limit_gets_past_a_message_over_it(self, server: Server) -> None:
        """`jupyter lab --gateway-url` is one: Tornado's limit is 10 MiB."""
        with server.kernel() as kernel_id:
            codes = ["print('x' * (11 * 2**20))", "print('later')"]
            received = asyncio.run(run_as_tornado_does(server, kernel_id, codes))
            texts = [m["content"]["text"] for m in received if m["msg_type"] == "stream"]
            assert texts[-1] == "later\n"
            (notice,) = [text for text in texts if "is not sent to this client" in text]
            assert "A stream message of 11.0 MiB" in notice
            assert notice.strip() in server.log
            path = notice[notice.index("/api/nextgen/") :].strip()
            message = json.loads(server.get(path).text.splitlines()[0])["message"]
            assert message["content"]["text"] == "x" * (11 * 2**20) + "\n"

    def test_another_client_gets_the_same_message(self, server: Server, shared_kernel: str) -> None:
        with Channels(server, shared_kernel) as channels:
            assert len(channels.run("print('x' * (11 * 2**20))").text()) == 11 * 2**20 + 1


def new_header() -> dict[str, Any]:
    """A header of its own: kernels refuse a message whose signature they have seen."""
    return {
        "msg_id": uuid.uuid4().hex,
        "msg_type": "kernel_info_request",
        "session": "s",
        "username": "u",
        "version": "5.4",
        "date": "2026-01-01T00:00:00Z",
    }


HEADER = new_header()
GOOD_PARTS = [b"shell", json.dumps(HEADER).encode(), b"{}", b"{}", b"{}"]
GOOD_V1 = frame_v1(GOOD_PARTS)
U64_MAX = 2**64 - 1


def with_offset(index: int, value: int) -> bytes:
    """The good v1 frame with one of its offsets, or with index -1 their number, replaced."""
    position = 8 * (index + 1)
    return GOOD_V1[:position] + struct.pack("<Q", value) + GOOD_V1[position + 8 :]


MALFORMED_V1: dict[str, bytes | str] = {
    "empty": b"",
    "one byte": b"\x06",
    "number of offsets cut": GOOD_V1[:7],
    "number of offsets only": GOOD_V1[:8],
    "offsets cut": GOOD_V1[:30],
    "no offsets": with_offset(-1, 0),
    "too few offsets": with_offset(-1, 5),
    "too many offsets": with_offset(-1, 1000),
    "number of offsets that overflows": with_offset(-1, 2**61),
    "largest number of offsets": with_offset(-1, U64_MAX),
    "first offset zero": with_offset(0, 0),
    "first offset inside the offsets": with_offset(0, 8),
    "first offset behind the channel": with_offset(0, 1000),
    "channel ends before it begins": with_offset(1, 0),
    "header beyond the end": with_offset(2, len(GOOD_V1) + 1),
    "offset that overflows": with_offset(3, U64_MAX),
    "offsets that go back": with_offset(4, 60),
    "last offset short": with_offset(5, len(GOOD_V1) - 1),
    "last offset beyond the end": with_offset(5, len(GOOD_V1) + 1),
    "frame cut": GOOD_V1[:-1],
    "frame continued": GOOD_V1 + b"x",
    "channel empty": frame_v1([b"", *GOOD_PARTS[1:]]),
    "channel unknown": frame_v1([b"nonsense", *GOOD_PARTS[1:]]),
    "channel iopub": frame_v1([b"iopub", *GOOD_PARTS[1:]]),
    "channel not UTF-8": frame_v1([b"\xff\xfe", *GOOD_PARTS[1:]]),
    "channel with NUL": frame_v1([b"shell\0", *GOOD_PARTS[1:]]),
    "header empty": frame_v1([b"shell", b"", b"{}", b"{}", b"{}"]),
    "header not JSON": frame_v1([b"shell", b"{bad", b"{}", b"{}", b"{}"]),
    "header not UTF-8": frame_v1([b"shell", b'{"msg_id": "\xff"}', b"{}", b"{}", b"{}"]),
    "header a list": frame_v1([b"shell", b"[]", b"{}", b"{}", b"{}"]),
    "header without a type": frame_v1([b"shell", b'{"msg_id": "1"}', b"{}", b"{}", b"{}"]),
    "header without an id": frame_v1([b"shell", b'{"msg_type": "kernel_info_request"}', b"{}", b"{}", b"{}"]),
    "header with an id that is a number": frame_v1(
        [b"shell", b'{"msg_type": "kernel_info_request", "msg_id": 1}', b"{}", b"{}", b"{}"]
    ),
    "header deeply nested": frame_v1([b"shell", b'{"a":' * 5000 + b"1" + b"}" * 5000, b"{}", b"{}", b"{}"]),
    "a legacy message": encode_legacy(Message("shell", HEADER)),
    "text": "hello",
}

MALFORMED_LEGACY: dict[str, bytes | str] = {
    "empty text": "",
    "not JSON": "{bad",
    "a list": "[]",
    "a number": "7",
    "no header": '{"channel": "shell", "content": {}}',
    "header null": '{"channel": "shell", "header": null, "content": {}}',
    "header a string": '{"channel": "shell", "header": "x", "content": {}}',
    "header empty": '{"channel": "shell", "header": {}, "content": {}}',
    "channel unknown": json.dumps({"channel": "nonsense", "header": HEADER, "content": {}}),
    "channel a number": json.dumps({"channel": 7, "header": HEADER, "content": {}}),
    "content a string": json.dumps({"channel": "shell", "header": HEADER, "content": "x"}),
    "deeply nested": '{"a":' * 5000 + "1" + "}" * 5000,
    "empty binary": b"",
    "number of parts cut": b"\0\0",
    "number of parts only": struct.pack(">I", 2),
    "no parts": struct.pack(">I", 0),
    "largest number of parts": struct.pack(">I", 2**32 - 1) + b"x" * 16,
    "first offset beyond the end": struct.pack(">III", 2, 1000, 2000) + b"{}",
    "offsets that go back": struct.pack(">III", 2, 12, 4) + b"{}",
    "binary with bad JSON": frame_legacy([b"{bad", b"buffer"]),
    "binary with JSON that is not UTF-8": frame_legacy([b'{"\xff": 1}', b"buffer"]),
    "a v1 message": encode_v1(Message("shell", HEADER)),
}


@pytest.mark.stock_differs("it checks nothing, and some of these hang it", run=False)
class TestMalformedMessages:
    """A frame that is no message harms nobody: it is dropped, or its socket is closed with a code."""

    def check(self, server: Server, kernel_id: str, offered: tuple[str, ...], frame: bytes | str) -> None:
        """Send it; this socket lives on or is closed for cause; other sockets do not notice."""
        with Channels(server, kernel_id) as other:
            channels = Channels(server, kernel_id, offered=offered)
            try:
                channels.send_frame(frame)
                channels.fence()
                outcome: int | str | None = "open"
            except SocketClosed as closed:
                outcome = closed.code
            finally:
                channels.vanish()
            assert outcome in {"open", 1002, 1003, 1007, 1008, 1009, 1011}
            assert other.run("'alive'").reply.content["status"] == "ok"

    @pytest.mark.parametrize("frame", MALFORMED_V1.values(), ids=MALFORMED_V1.keys())
    def test_v1(self, server: Server, shared_kernel: str, frame: bytes | str) -> None:
        self.check(server, shared_kernel, (V1,), frame)

    @pytest.mark.parametrize("frame", MALFORMED_LEGACY.values(), ids=MALFORMED_LEGACY.keys())
    def test_legacy(self, server: Server, shared_kernel: str, frame: bytes | str) -> None:
        self.check(server, shared_kernel, (), frame)

    def test_the_good_frame_is_good(self, server: Server, kernel_id: str) -> None:
        """Otherwise the malformed ones, made from it, would prove nothing.

        On a kernel of its own: one that has seen the same bytes before refuses them as a replay.
        """
        assert decode_v1(GOOD_V1).header == HEADER
        with Channels(server, kernel_id) as channels:
            channels.send_frame(GOOD_V1)
            assert channels.reply_to(HEADER["msg_id"]).type == "kernel_info_reply"


class TestTolerance:
    """What is not quite right and still understood, since existing clients send it."""

    def test_legacy_message_without_channel_goes_to_shell(self, server: Server, shared_kernel: str) -> None:
        header = new_header()
        with Channels(server, shared_kernel, offered=()) as channels:
            channels.send_frame(
                json.dumps({"header": header, "parent_header": None, "metadata": {}, "content": {}})
            )
            assert channels.reply_to(header["msg_id"]).channel == "shell"

    @pytest.mark.parametrize("buffers", [[], {}, None], ids=["list", "object", "null"])
    def test_legacy_forms_of_no_buffers(self, server: Server, shared_kernel: str, buffers: object) -> None:
        header = new_header()
        document = json.loads(encode_legacy(Message("shell", header))) | {"buffers": buffers}
        with Channels(server, shared_kernel, offered=()) as channels:
            channels.send_frame(json.dumps(document))
            assert channels.reply_to(header["msg_id"]).type == "kernel_info_reply"

    @pytest.mark.stock_differs("it takes text as JSON", run=False)
    def test_legacy_binary_message_in_a_text_frame(self, server: Server, shared_kernel: str) -> None:
        """jupyter_server's gateway proxy forwards a browser's binary frames so."""
        header = new_header()
        frame = encode_legacy(Message("shell", header, buffers=[b"\x00\xff"]))
        with Channels(server, shared_kernel, offered=()) as channels:
            channels.socket.send(frame, ABNF.OPCODE_TEXT)
            assert channels.reply_to(header["msg_id"]).type == "kernel_info_reply"


#: Octets that break the protocol, and the close codes that say so.
VIOLATIONS: dict[str, tuple[bytes, set[int]]] = {
    "unmasked": (b"\x82\x01x", {1002}),
    "reserved bit 1": (b"\xc2\x80\0\0\0\0", {1002}),
    "reserved bit 2": (b"\xa2\x80\0\0\0\0", {1002}),
    "reserved bit 3": (b"\x92\x80\0\0\0\0", {1002}),
    "reserved opcode": (b"\x83\x80\0\0\0\0", {1002}),
    "reserved control opcode": (b"\x8b\x80\0\0\0\0", {1002}),
    "continuation of nothing": (b"\x80\x80\0\0\0\0", {1002}),
    "new message inside a fragmented one": (b"\x02\x80\0\0\0\0\x82\x80\0\0\0\0", {1002}),
    "fragmented ping": (b"\x09\x80\0\0\0\0", {1002}),
    "ping that is too long": (b"\x89\xfe\x00\x7e\0\0\0\0" + bytes(126), {1002}),
    "length not minimal": (b"\x82\xfe\x00\x01\0\0\0\0x", {1002}),
    "length with the top bit": (b"\x82\xff" + b"\xff" * 8 + b"\0\0\0\0", {1002, 1009}),
    "length of petabytes": (b"\x82\xff" + struct.pack(">Q", 2**52) + b"\0\0\0\0", {1009}),
    "close with half a code": (b"\x88\x81\0\0\0\0\x03", {1002}),
    "close with a code that may not be sent": (b"\x88\x82\0\0\0\0\x03\xed", {1002}),
    "close with a reason that is not UTF-8": (b"\x88\x84\0\0\0\0\x03\xe8\xff\xfe", {1007, 1002}),
}


def next_control_frame(channels: Channels) -> tuple[int, bytes]:
    """Opcode and payload of the next control frame; messages before it are skipped."""
    while True:
        opcode, frame = channels.socket.recv_data_frame(control_frame=True)
        if opcode != ABNF.OPCODE_BINARY:
            return opcode, frame.data


class TestFrames:
    """RFC 6455, below the messages."""

    @pytest.fixture
    def channels(self, server: Server, shared_kernel: str) -> Iterator[Channels]:
        channels = Channels(server, shared_kernel)
        yield channels
        channels.vanish()

    def test_ping_is_answered_with_its_payload(self, channels: Channels) -> None:
        channels.socket.ping(b"are you there?")
        answer = next_control_frame(channels)
        while answer[0] == ABNF.OPCODE_PING:  # The server asks what has arrived.
            answer = next_control_frame(channels)
        assert answer == (ABNF.OPCODE_PONG, b"are you there?")

    def test_server_pings(self, start_server: ServerFactory) -> None:
        server = start_server(options=["--ServerApp.websocket_ping_interval=1"])
        with Channels(server, server.start_kernel()["id"]) as channels:
            assert next_control_frame(channels)[0] == ABNF.OPCODE_PING
            channels.run("'answered by the client library'")

    def test_unsolicited_pong_is_ignored(self, channels: Channels) -> None:
        channels.socket.pong(b"nobody asked")
        channels.fence()

    def test_close_is_answered(self, channels: Channels) -> None:
        channels.socket.send_close(1000, b"bye")
        assert channels.wait_for_close() == 1000

    def test_fragments_with_a_ping_between_them_are_one_message(self, channels: Channels) -> None:
        header = new_header()
        message = encode_v1(Message("shell", header))
        for opcode, part, final in (
            (ABNF.OPCODE_BINARY, message[:20], 0),
            (ABNF.OPCODE_CONT, message[20:60], 0),
            (ABNF.OPCODE_PING, b"", 1),
            (ABNF.OPCODE_CONT, message[60:], 1),
        ):
            channels.socket.send_frame(ABNF.create_frame(part, opcode, final))
        assert channels.reply_to(header["msg_id"]).type == "kernel_info_reply"

    def test_frame_in_single_bytes(self, channels: Channels) -> None:
        header = new_header()
        for byte in ABNF.create_frame(encode_v1(Message("shell", header)), ABNF.OPCODE_BINARY).format():
            channels.send_raw(bytes([byte]))
        assert channels.reply_to(header["msg_id"]).type == "kernel_info_reply"

    def test_several_frames_in_one_packet(self, channels: Channels) -> None:
        headers = [new_header() for _ in range(5)]
        messages = [encode_v1(Message("shell", header)) for header in headers]
        channels.send_raw(
            b"".join(ABNF.create_frame(message, ABNF.OPCODE_BINARY).format() for message in messages)
        )
        for header in headers:
            assert channels.reply_to(header["msg_id"]).type == "kernel_info_reply"

    @pytest.mark.stock_differs("the connection ends without a close frame")
    @pytest.mark.parametrize(
        ("octets", "codes"),
        VIOLATIONS.values(),
        ids=VIOLATIONS.keys(),
    )
    def test_violation_closes_with_a_code(
        self, server: Server, shared_kernel: str, channels: Channels, octets: bytes, codes: set[int]
    ) -> None:
        channels.send_raw(octets)
        assert channels.wait_for_close() in codes
        with Channels(server, shared_kernel) as other:
            other.fence()


def install_kernel(server: Server, name: str, argv: list[str]) -> None:
    """Install a kernel spec for one server."""
    directory = server.home / "data" / "kernels" / name
    directory.mkdir(parents=True)
    (directory / "kernel.json").write_text(
        json.dumps({"argv": argv, "display_name": name, "language": "python"})
    )


class TestEndOfTheKernel:
    """A kernel that is killed, restarted or deleted while clients listen."""

    @staticmethod
    def pid(channels: Channels) -> int:
        """Process id of the kernel."""
        return int(channels.run("import os; print(os.getpid())").text())

    @both_protocols
    def test_killed_kernel_is_restarted_and_listeners_are_told(
        self, server: Server, offered: tuple[str, ...]
    ) -> None:
        with (
            server.kernel() as kernel_id,
            Channels(server, kernel_id, offered=offered) as first,
            Channels(server, kernel_id, offered=offered) as second,
        ):
            second.fence()
            first.run("marker = 1")
            before = self.pid(first)
            os.kill(before, signal.SIGKILL)
            for channels in (first, second):
                status = channels.status("restarting")
                assert status.channel == "iopub"
                for name in ("username", "version", "session", "msg_id", "msg_type"):
                    assert isinstance(status.header[name], str)
            with Channels(server, kernel_id, offered=offered) as fresh:
                assert fresh.run("'marker' in dir()").of_type("execute_result")[0].content["data"] == {
                    "text/plain": "False"
                }
                assert self.pid(fresh) != before

    @pytest.mark.stock_differs("requests on sockets from before the restart go astray")
    def test_sockets_outlive_the_restart_of_a_killed_kernel(self, server: Server) -> None:
        with server.kernel() as kernel_id, Channels(server, kernel_id) as channels:
            os.kill(self.pid(channels), signal.SIGKILL)
            channels.status("restarting")
            assert channels.run("'back'").reply.content["status"] == "ok"

    def test_kernel_that_may_not_restart_is_dead(self, start_server: ServerFactory) -> None:
        server = start_server(options=["--KernelRestarter.restart_limit=0"])
        kernel_id = server.start_kernel()["id"]
        with Channels(server, kernel_id) as first, Channels(server, kernel_id) as second:
            second.fence()
            os.kill(self.pid(first), signal.SIGKILL)
            for channels in (first, second):
                assert channels.status("dead").channel == "iopub"

    @pytest.mark.stock_differs("nobody is told when autorestart is off", run=False)
    def test_dead_without_autorestart_with_the_reason(self, start_server: ServerFactory) -> None:
        server = start_server(options=["--KernelManager.autorestart=False"])
        kernel_id = server.start_kernel()["id"]
        with Channels(server, kernel_id) as channels:
            os.kill(self.pid(channels), signal.SIGKILL)
            channels.status("dead")
            model = server.get(f"/api/kernels/{kernel_id}").json()
            assert model["execution_state"] == "dead"
            assert "9" in model["reason"] or "SIGKILL" in model["reason"]

    @both_protocols
    def test_restart_by_rest_keeps_the_socket(self, server: Server, offered: tuple[str, ...]) -> None:
        with server.kernel() as kernel_id, Channels(server, kernel_id, offered=offered) as channels:
            channels.run("marker = 1")
            before = self.pid(channels)
            assert server.post(f"/api/kernels/{kernel_id}/restart").status_code == 200
            assert process_ended(before)
            with Channels(server, kernel_id, offered=offered) as fresh:
                assert self.pid(fresh) != before
            assert channels.run("'marker' in dir()").of_type("execute_result")[0].content["data"] == {
                "text/plain": "False"
            }

    def test_deleted_kernel_is_gone(self, server: Server) -> None:
        kernel_id = server.start_kernel()["id"]
        with Channels(server, kernel_id) as channels:
            pid = self.pid(channels)
            assert server.delete(f"/api/kernels/{kernel_id}").status_code == 204
            assert process_ended(pid)

    @pytest.mark.stock_differs("sockets just go quiet", run=False)
    def test_listeners_of_a_deleted_kernel_are_told(self, server: Server) -> None:
        kernel_id = server.start_kernel()["id"]
        with Channels(server, kernel_id) as channels:
            channels.run("pass")
            assert server.delete(f"/api/kernels/{kernel_id}").status_code == 204
            assert channels.wait_for_close() == 1000
            assert [m for m in channels.waiting if m.content.get("execution_state") == "dead"]

    @pytest.mark.stock_differs("it is restarted", run=False)
    def test_shutdown_request_over_the_socket_ends_the_kernel(self, server: Server) -> None:
        kernel_id = server.start_kernel()["id"]
        with Channels(server, kernel_id) as channels:
            pid = self.pid(channels)
            channels.send("shutdown_request", {"restart": False}, channel="control")
            assert process_ended(pid)
        poll_until(
            lambda: server.get(f"/api/kernels/{kernel_id}").status_code == 404 or None,
            "the removal of the kernel",
        )
