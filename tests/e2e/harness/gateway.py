"""Kernel managers for nbclient whose kernels live behind a gateway.

`GatewayKernelManager` of jupyter_server is what nbclient and papermill users name as their
`kernel_manager_class` to run notebooks on a remote kernel service. Two of its gaps are closed here, as its
users close them, by subclassing:

* Its REST calls carry the token, but its client opens the WebSocket without one, and so reaches only
  services without authentication.
* Its client asks a manager of local processes whether the kernel lives, and fails on an assertion, as soon
  as an answer takes longer than a second: while a kernel starts, for example.
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


class PatientGatewayKernelManager(GatewayKernelManager):
    """The gateway's kernel manager, whose clients ask the gateway whether the kernel lives."""

    async def _async_is_alive(self) -> bool:
        return bool(await self.is_alive())


class AuthenticatedGatewayKernelManager(PatientGatewayKernelManager):
    """The same, handing out authenticated clients."""

    client_class = f"{__name__}.AuthenticatedGatewayKernelClient"
    client_factory = AuthenticatedGatewayKernelClient
