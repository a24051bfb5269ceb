"""A machine of its own with a network that can be taken away, as when a laptop's lid is closed."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from typing import Self


class LaptopUnavailable(Exception):
    """This machine or this user cannot have network namespaces; the message says why."""


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LaptopUnavailable(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


class Laptop:
    """A network namespace, joined to this machine by one virtual cable.

    Attributes
    ----------
    inside
        The command that runs the rest of its arguments on the laptop.
    address
        The laptop's, as seen from here.
    host_address
        This machine's, as seen from the laptop.
    """

    def __init__(self) -> None:
        if os.geteuid() != 0:
            raise LaptopUnavailable("only root may make network namespaces")
        if shutil.which("ip") is None:
            raise LaptopUnavailable("there is no program 'ip' (Debian: iproute2)")
        self._name = f"nk{secrets.token_hex(4)}"
        # 198.18.0.0/15 is for tests of networks (RFC 2544).
        number = 4 * secrets.randbelow(2**15)
        network = f"198.18.{number >> 8 & 127}"
        self.host_address = f"{network}.{(number & 255) + 1}"
        self.address = f"{network}.{(number & 255) + 2}"
        self.inside = ["ip", "netns", "exec", self._name]
        _ip("netns", "add", self._name)
        try:
            _ip("link", "add", self._name, "type", "veth", "peer", "name", "eth0", "netns", self._name)
            _ip("address", "add", f"{self.host_address}/30", "dev", self._name)
            _ip("link", "set", self._name, "up")
            _ip("-n", self._name, "address", "add", f"{self.address}/30", "dev", "eth0")
            _ip("-n", self._name, "link", "set", "lo", "up")
            self.open_lid()
        except LaptopUnavailable:
            self._remove()
            raise

    def close_lid(self) -> None:
        """Take the network away: nothing arrives any more, and nobody is told."""
        _ip("-n", self._name, "link", "set", "eth0", "down")

    def open_lid(self) -> None:
        """Give the network back."""
        _ip("-n", self._name, "link", "set", "eth0", "up")

    def _remove(self) -> None:
        # The cable goes with it once nothing runs there.
        subprocess.run(["ip", "netns", "delete", self._name], check=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._remove()
