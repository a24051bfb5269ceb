"""The WebSocket of a kernel, spoken by hand: both protocols, message by message."""

from __future__ import annotations

import json
import struct
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Self

import websocket

from harness.server import Server
from harness.waiting import PATIENCE, Deadline

#: The subprotocol of binary frames; a socket without it speaks the legacy protocol.
V1 = "v1.kernel.websocket.jupyter.org"

Json = dict[str, Any]


@dataclass
class Message:
    """One message of Jupyter's protocol on one channel."""

    channel: str
    header: Json
    parent_header: Json = field(default_factory=dict)
    metadata: Json = field(default_factory=dict)
    content: Json = field(default_factory=dict)
    buffers: list[bytes] = field(default_factory=list)

    @property
    def type(self) -> str:
        """The message type."""
        return str(self.header["msg_type"])

    @property
    def parent(self) -> str | None:
        """The id of the request that led to this message."""
        return self.parent_header.get("msg_id")


def encode_v1(message: Message) -> bytes:
    """Offsets as little-endian u64, the channel, four JSON parts, buffers."""
    parts = [message.channel.encode()]
    parts += [
        json.dumps(part).encode()
        for part in (message.header, message.parent_header, message.metadata, message.content)
    ]
    parts += message.buffers
    return frame_v1(parts)


def frame_v1(parts: Sequence[bytes]) -> bytes:
    """Put parts, the first of them the channel, behind their offsets."""
    offsets = [8 * (len(parts) + 2)]
    for part in parts:
        offsets.append(offsets[-1] + len(part))
    return struct.pack(f"<{len(offsets) + 1}Q", len(offsets), *offsets) + b"".join(parts)


def decode_v1(frame: bytes) -> Message:
    """Undo `encode_v1`."""
    (count,) = struct.unpack_from("<Q", frame)
    offsets = struct.unpack_from(f"<{count}Q", frame, 8)
    assert offsets[0] == 8 * (count + 1), "the first offset must point behind the offsets"
    assert offsets[-1] == len(frame), "the last offset must be the end of the frame"
    channel, *parts = (frame[begin:end] for begin, end in pairwise(offsets))
    header, parent_header, metadata, content = (json.loads(part) for part in parts[:4])
    return Message(channel.decode(), header, parent_header, metadata, content, parts[4:])


def encode_legacy(message: Message) -> str | bytes:
    """Text without buffers; with them binary, offsets as big-endian u32."""
    document: Json = {
        "channel": message.channel,
        "header": message.header,
        "parent_header": message.parent_header,
        "metadata": message.metadata,
        "content": message.content,
    }
    if not message.buffers:
        return json.dumps(document | {"buffers": []})
    return frame_legacy([json.dumps(document).encode(), *message.buffers])


def frame_legacy(parts: Sequence[bytes]) -> bytes:
    """Put the JSON part and the buffers behind their offsets."""
    offsets = [4 * (len(parts) + 1)]
    for part in parts[:-1]:
        offsets.append(offsets[-1] + len(part))
    return struct.pack(f">{len(parts) + 1}I", len(parts), *offsets) + b"".join(parts)


def decode_legacy(frame: str | bytes) -> Message:
    """Undo `encode_legacy`, and check what JupyterLab and gateway clients index without asking."""
    buffers: list[bytes] = []
    if isinstance(frame, bytes):
        (count,) = struct.unpack_from(">I", frame)
        offsets = [*struct.unpack_from(f">{count}I", frame, 4), len(frame)]
        parts = [frame[begin:end] for begin, end in pairwise(offsets)]
        document = json.loads(parts[0])
        buffers = parts[1:]
    else:
        document = json.loads(frame)
        assert not document.get("buffers")
    assert document["msg_id"] == document["header"]["msg_id"]
    assert document["msg_type"] == document["header"]["msg_type"]
    return Message(
        document["channel"],
        document["header"],
        document["parent_header"],
        document["metadata"],
        document["content"],
        buffers,
    )


@dataclass
class Execution:
    """What one `execute_request` led to."""

    reply: Message
    published: list[Message]

    def text(self, name: str = "stdout") -> str:
        """Everything printed to one stream."""
        return "".join(
            message.content["text"]
            for message in self.published
            if message.type == "stream" and message.content["name"] == name
        )

    def of_type(self, message_type: str) -> list[Message]:
        """The published messages of one type."""
        return [message for message in self.published if message.type == message_type]


class SocketClosed(Exception):
    """The server closed the socket.

    Attributes
    ----------
    code
        The close code, None if the connection just ended.
    """

    def __init__(self, code: int | None) -> None:
        super().__init__(f"close code {code}")
        self.code = code


class Channels:
    """One WebSocket to one kernel.

    Messages that nobody has asked for yet are kept in order of arrival, so that waiting for one never
    loses another.

    Parameters
    ----------
    server
        Where the kernel runs.
    kernel_id
        Which kernel.
    offered
        Subprotocols offered to the server; without `V1` among them the legacy protocol is spoken.
    session_id
        Identity of the client, kept by clients across reconnects.
    token
        Whose token is shown; by default the server's.
    """

    def __init__(
        self,
        server: Server,
        kernel_id: str,
        *,
        offered: Sequence[str] = (V1,),
        session_id: str | None = None,
        token: str | None = None,
    ) -> None:
        self.session_id = session_id or uuid.uuid4().hex
        self.socket = websocket.create_connection(
            f"ws://127.0.0.1:{server.port}/api/kernels/{kernel_id}/channels?session_id={self.session_id}",
            header=server.headers if token is None else {"Authorization": f"token {token}"},
            subprotocols=list(offered),
            timeout=PATIENCE,
        )
        self.is_v1 = self.socket.getsubprotocol() == V1
        #: Received and not yet asked for.
        self.waiting: list[Message] = []

    def send(
        self,
        message_type: str,
        content: Json | None = None,
        *,
        channel: str = "shell",
        parent_header: Json | None = None,
        buffers: Sequence[bytes] = (),
        subshell_id: str | None = None,
    ) -> str:
        """Send a message and return its id."""
        header = {
            "msg_id": uuid.uuid4().hex,
            "msg_type": message_type,
            "session": self.session_id,
            "username": "tester",
            "version": "5.4",
            "date": datetime.now(UTC).isoformat(),
        }
        if subshell_id is not None:
            header["subshell_id"] = subshell_id
        message = Message(channel, header, parent_header or {}, {}, content or {}, list(buffers))
        if self.is_v1:
            self.socket.send_binary(encode_v1(message))
        else:
            self.send_frame(encode_legacy(message))
        return str(header["msg_id"])

    def send_frame(self, frame: str | bytes) -> None:
        """Send bytes as a binary frame, str as a text frame, whatever they hold."""
        if isinstance(frame, bytes):
            self.socket.send_binary(frame)
        else:
            self.socket.send(frame)

    def read(self, seconds: float = PATIENCE) -> Message:
        """Read the next message off the wire.

        Raises
        ------
        SocketClosed
            If there will be none.
        """
        self.socket.settimeout(seconds)
        try:
            opcode, frame = self.socket.recv_data_frame(control_frame=True)
            while opcode in {websocket.ABNF.OPCODE_PING, websocket.ABNF.OPCODE_PONG}:
                opcode, frame = self.socket.recv_data_frame(control_frame=True)
        except (websocket.WebSocketConnectionClosedException, ConnectionError):
            raise SocketClosed(None) from None
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            raise SocketClosed(struct.unpack("!H", frame.data[:2])[0] if frame.data else None)
        if self.is_v1:
            assert opcode == websocket.ABNF.OPCODE_BINARY, "v1 frames are binary"
            return decode_v1(frame.data)
        binary = opcode == websocket.ABNF.OPCODE_BINARY
        return decode_legacy(frame.data if binary else frame.data.decode())

    def wait_for(
        self, wanted: Callable[[Message], bool], what: str = "a message", seconds: float = PATIENCE
    ) -> Message:
        """Take the first message that is wanted, now or when it comes."""
        for index, message in enumerate(self.waiting):
            if wanted(message):
                return self.waiting.pop(index)
        deadline = Deadline(seconds)
        while not deadline.passed:
            try:
                message = self.read(deadline.remaining)
            except websocket.WebSocketTimeoutException:
                break
            if wanted(message):
                return message
            self.waiting.append(message)
        raise AssertionError(f"{what} did not come; came: {[(m.channel, m.type) for m in self.waiting]}")

    def wait_for_close(self, seconds: float = PATIENCE) -> int | None:
        """Read to the end and return the close code."""
        deadline = Deadline(seconds)
        try:
            while True:
                self.waiting.append(self.read(deadline.remaining))
        except SocketClosed as closed:
            return closed.code

    def reply_to(self, message_id: str) -> Message:
        """Wait for the reply to a request, on any channel."""
        return self.wait_for(
            lambda message: message.channel in {"shell", "control"} and message.parent == message_id,
            f"the reply to {message_id}",
        )

    def status(self, state: str, parent: str | None = None) -> Message:
        """Wait for an execution state on iopub."""
        return self.wait_for(
            lambda message: (
                message.type == "status"
                and message.content["execution_state"] == state
                and (parent is None or message.parent == parent)
            ),
            f"the status {state}",
        )

    def published(self, message_type: str, parent: str) -> Message:
        """Wait for a message on iopub that belongs to a request."""
        return self.wait_for(
            lambda m: m.channel == "iopub" and m.type == message_type and m.parent == parent,
            f"a {message_type}",
        )

    def execute(self, code: str, *, allow_stdin: bool = False) -> str:
        """Send an `execute_request` and return its id."""
        return self.send(
            "execute_request",
            {
                "code": code,
                "silent": False,
                "store_history": True,
                "user_expressions": {},
                "allow_stdin": allow_stdin,
                "stop_on_error": True,
            },
        )

    def result_of(self, message_id: str) -> Execution:
        """Wait for the reply and for the idle, in whichever order they come."""
        reply = self.reply_to(message_id)
        idle = self.status("idle", message_id)
        published = [m for m in self.waiting if m.channel == "iopub" and m.parent == message_id]
        self.waiting = [m for m in self.waiting if m not in published]
        return Execution(reply, [*published, idle])

    def run(self, code: str) -> Execution:
        """Execute code and wait for everything that it leads to."""
        return self.result_of(self.execute(code))

    def fence(self) -> list[Message]:
        """Prove that what was not received so far was not sent to this socket.

        A request of this socket's own travels the same way; when its reply and its idle are here,
        everything sent before them is too.

        Returns
        -------
        list[Message]
            The messages that wait.
        """
        message_id = self.send("kernel_info_request")
        self.reply_to(message_id)
        self.status("idle", message_id)
        return self.waiting

    def send_raw(self, octets: bytes) -> None:
        """Send octets below the framing."""
        assert self.socket.sock is not None
        self.socket.sock.sendall(octets)

    def close(self) -> None:
        """Close the socket as a client does."""
        self.socket.close(timeout=PATIENCE)

    def vanish(self) -> None:
        """End the connection without a close frame, as a crashed client does."""
        if self.socket.sock is not None:
            self.socket.sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
