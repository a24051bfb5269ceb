#!/usr/bin/env python3
"""Holds idle WebSockets of kernels, for many_kernels.py.

Reads one JSON object on the first line of its standard input, `{"port", "token", "kernels", "sockets"}`,
opens the sockets, spread evenly over the kernels, and prints `{"open"}`. For each further line it sends a
ping on every socket, waits for the answers, and prints `{"answered"}`. Ends with its input.
"""

from __future__ import annotations

import asyncio
import json
import sys

PATIENCE = 120.0
AT_ONCE = 200
PROTOCOL = "v1.kernel.websocket.jupyter.org"
PING, PONG, CLOSE = 0x9, 0xA, 0x8


class KernelSocket(asyncio.Protocol):
    """One WebSocket: answers pings, counts pongs, drops messages.

    Parameters
    ----------
    request
        The HTTP request that opens it.
    """

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._bytes = b""
        loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = loop.create_future()
        self.pong: asyncio.Future[None] = loop.create_future()
        self.is_open = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Take whole frames; what is left of one waits for the rest."""
        self._bytes += data
        if not self.is_open:
            head, end, rest = self._bytes.partition(b"\r\n\r\n")
            if not end:
                return
            if not head.startswith(b"HTTP/1.1 101 "):
                self.opened.set_exception(RuntimeError(head.partition(b"\r\n")[0].decode()))
                return
            self.is_open = True
            self._bytes = rest
            self.opened.set_result(None)
        while (size := self._frame_size()) and len(self._bytes) >= size[0] + size[1]:
            header, payload = size
            self._take(self._bytes[0] & 0xF, self._bytes[header : header + payload])
            self._bytes = self._bytes[header + payload :]

    def _frame_size(self) -> tuple[int, int] | None:
        """Return the bytes of the header and of the payload, once they are known; servers do not mask."""
        if len(self._bytes) < 2:
            return None
        short = self._bytes[1] & 0x7F
        extra = {126: 2, 127: 8}.get(short, 0)
        if len(self._bytes) < 2 + extra:
            return None
        return 2 + extra, int.from_bytes(self._bytes[2 : 2 + extra], "big") if extra else short

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode == PING:
            self._send(PONG, payload)
        elif opcode == PONG and not self.pong.done():
            self.pong.set_result(None)
        elif opcode == CLOSE:
            self.is_open = False

    def connection_lost(self, error: Exception | None) -> None:
        """Note it: a socket that is gone answers nothing."""
        self.is_open = False
        if not self.opened.done():
            self.opened.set_exception(error or ConnectionResetError("closed before it was open"))

    def _send(self, opcode: int, payload: bytes) -> None:
        # A mask of zeros changes nothing.
        assert self._transport is not None
        self._transport.write(bytes([0x80 | opcode, 0x80 | len(payload)]) + bytes(4) + payload)

    def ask(self) -> asyncio.Future[None]:
        """Send a ping; the future is done when it is answered."""
        self.pong = asyncio.get_running_loop().create_future()
        if self.is_open:
            self._send(PING, b"idle")
        return self.pong


def request(port: int, token: str, kernel_id: str, number: int) -> bytes:
    """Return the request that opens a kernel's WebSocket."""
    return (
        f"GET /api/kernels/{kernel_id}/channels?session_id=idle-{number} HTTP/1.1\r\n"
        f"Host: 127.0.0.1:{port}\r\n"
        f"Authorization: token {token}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        f"Sec-WebSocket-Protocol: {PROTOCOL}\r\n\r\n"
    ).encode()


async def open_all(port: int, token: str, kernels: list[str], count: int) -> list[KernelSocket]:
    """Open the sockets, some at a time."""
    loop = asyncio.get_running_loop()
    gate = asyncio.Semaphore(AT_ONCE)

    async def open_one(number: int) -> KernelSocket:
        asked = request(port, token, kernels[number % len(kernels)], number)
        async with gate:
            _, socket = await loop.create_connection(lambda: KernelSocket(asked), "127.0.0.1", port)
            await asyncio.wait_for(socket.opened, PATIENCE)
        return socket

    return await asyncio.gather(*(open_one(number) for number in range(count)))


async def main() -> None:
    """Do what standard input says."""
    loop = asyncio.get_running_loop()
    plan = json.loads(await loop.run_in_executor(None, sys.stdin.readline))
    sockets = await open_all(plan["port"], plan["token"], plan["kernels"], plan["sockets"])
    print(json.dumps({"open": sum(socket.is_open for socket in sockets)}), flush=True)
    while await loop.run_in_executor(None, sys.stdin.readline):
        done, _ = await asyncio.wait([socket.ask() for socket in sockets], timeout=PATIENCE)
        print(json.dumps({"answered": len(done)}), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
