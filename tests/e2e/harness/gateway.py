"""Kernel managers for nbclient whose kernels live behind a gateway.

`GatewayKernelManager` of jupyter_server is what nbclient and papermill users name as their
`kernel_manager_class` to run notebooks on a remote kernel service. Its REST calls carry the token, but its
client opens the WebSocket without one, so that it reaches only services without authentication. People who
have a token subclass the client, as here: the header that the REST calls send anyway goes onto the socket.
"""

from __future__ import annotations

from typing import Any
from unittest import mock

import websocket
from jupyter_server.gateway.gateway_client import GatewayClient
from jupyter_server.gateway.managers import GatewayKernelClient, GatewayKernelManager


class AuthenticatedGatewayKernelClient(GatewayKernelClient):
    """The gateway's kernel client, with the gateway's token on its WebSocket."""

    async def start_channels(self, *arguments: Any, **options: Any) -> None:  # type: ignore[override]
        """Open the WebSocket with the authorization header of the REST calls."""
        gateway = GatewayClient.instance()
        header = {gateway.auth_header_key: f"{gateway.auth_scheme} {gateway.auth_token}"}
        create_connection = websocket.create_connection

        def authenticated(url: str, **connection_options: Any) -> Any:
            return create_connection(url, header=header, **connection_options)

        with mock.patch.object(websocket, "create_connection", authenticated):
            await super().start_channels(*arguments, **options)


class AuthenticatedGatewayKernelManager(GatewayKernelManager):
    """The gateway's kernel manager, which hands out authenticated clients."""

    client_class = f"{__name__}.AuthenticatedGatewayKernelClient"
    client_factory = AuthenticatedGatewayKernelClient
