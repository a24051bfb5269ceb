"""Lets a JupyterLab that is attached with --gateway-url relay messages that carry bytes.

Copy this file to ~/.jupyter/, or name its folder in JUPYTER_CONFIG_PATH.

Jupyter Server relays the messages of a gateway's kernels as text. Those with buffers are binary: widgets with
pictures, uploads and many plots. They break the connection; here they pass as they are.
"""

from __future__ import annotations

import contextlib
from concurrent.futures import Future

from jupyter_server.gateway import connections
from tornado.websocket import WebSocketClosedError


class BinaryGatewayConnection(connections.GatewayWebSocketConnection):
    """Jupyter Server's connection to a gateway, for messages of both kinds."""

    def _connection_done(self, fut: Future) -> None:
        super()._connection_done(fut)
        if self.ws is None:
            return
        read_message = self.ws.read_message

        async def read() -> str | memoryview | None:
            """Keep Jupyter Server from decoding bytes: it takes nothing but `bytes` for them."""
            message = await read_message()
            return memoryview(message) if isinstance(message, bytes) else message

        self.ws.read_message = read

    def handle_outgoing_message(self, incoming_msg: str | memoryview, *args: object) -> None:
        """Pass on what the kernel sends."""
        if isinstance(incoming_msg, str):
            super().handle_outgoing_message(incoming_msg, *args)
            return
        with contextlib.suppress(WebSocketClosedError):
            self.websocket_handler.write_message(bytes(incoming_msg), binary=True)

    def _write_message(self, message: str | bytes) -> None:
        """Pass on what the browser sends."""
        if isinstance(message, str) or self.disconnected or self.ws is None:
            super()._write_message(message)
            return
        with contextlib.suppress(WebSocketClosedError):
            self.ws.write_message(message, binary=True)


# By this name Jupyter Server looks for the class when it has a gateway; without one, nothing changes.
connections.GatewayWebSocketConnection = BinaryGatewayConnection  # type: ignore[misc]
