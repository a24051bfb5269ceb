"""A real ipykernel that chooses its own ports and registers them (JEP 66), in either dialect, or wrongly.

Usage: registering_kernel.py MODE CONNECTION_FILE
"""

from __future__ import annotations

import hashlib
import hmac
import json
import sys
import tempfile
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import zmq
from ipykernel.kernelapp import IPKernelApp

PORTS = ("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port")
DELIMITER = b"<IDS|MSG>"
PATIENCE_MS = 30_000


def sign(key: str, parts: list[bytes]) -> bytes:
    """Sign parts as the connection file's scheme says."""
    return hmac.new(key.encode(), b"".join(parts), hashlib.sha256).hexdigest().encode()


def exchange(address: str, key: str, parts: list[bytes]) -> list[bytes]:
    """Send signed parts and return those of the answer, whose signature must be right."""
    socket = zmq.Context.instance().socket(zmq.DEALER)
    socket.connect(address)
    socket.send_multipart([DELIMITER, sign(key, parts), *parts])
    if not socket.poll(PATIENCE_MS):
        sys.exit("registering_kernel: no answer to the registration")
    delimiter, signature, *answer = socket.recv_multipart()
    assert delimiter == DELIMITER
    assert signature == sign(key, answer[:4])
    socket.close()
    return answer


def register(mode: str, file: dict[str, Any], ports: dict[str, int]) -> None:
    """Tell the ports as one dialect does."""
    key = "not the key" if mode == "wrong-signature" else file["key"]
    if "registration_ip" in file:
        address = f"tcp://{file['registration_ip']}:{file['registration_port']}"
        content = {"kernel_id": file["kernel_id"]} | {name: str(port) for name, port in ports.items()}
        assert exchange(address, key, [json.dumps(content).encode()]) == [b"ACK"]
        return
    header = {
        "msg_id": uuid.uuid4().hex,
        "msg_type": "handshake_request",
        "session": uuid.uuid4().hex,
        "username": "kernel",
        "date": datetime.now(UTC).isoformat(),
        "version": "5.5",
    }
    parts = [json.dumps(part).encode() for part in (header, {}, {}, ports)]
    answer = exchange(f"tcp://{file['ip']}:{file['registration_port']}", key, parts)
    assert json.loads(answer[0])["msg_type"] == "handshake_reply"
    assert json.loads(answer[3])["status"] == "ok"


def main() -> None:
    """Start a kernel on free ports, register it, and run it."""
    mode, connection_file = sys.argv[1:]
    file = json.loads(Path(connection_file).read_text())
    if "registration_port" not in file:  # Told its ports after all, as kernels that cannot register.
        if mode == "must-register":
            sys.exit("registering_kernel: told its ports, which this test does not want")
        IPKernelApp.launch_instance(argv=["-f", connection_file])
        return
    if mode == "exit":
        sys.exit("registering_kernel: knows nothing of registration_port")
    own = {name: 0 for name in PORTS} | {
        "ip": "127.0.0.1",
        "transport": "tcp",
        "key": file["key"],
        "signature_scheme": file["signature_scheme"],
    }
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "own.json"
        path.write_text(json.dumps(own))
        app = IPKernelApp.instance()
        app.initialize(["-f", str(path)])
        register(mode, file, {name: getattr(app, name) for name in PORTS})
        app.start()


main()
