"""What happens to people at JupyterLab: a reload during output, two tabs, binary widgets, a closed lid.

JupyterLab is attached by `--gateway-url`. Its server relays WebSockets, except where a test says that the
browser has them from the server under test itself (`ServerApp.websocket_url`), or that Jupyter Server relays
bytes as well.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import ServerFactory
from harness.lab import Browser, Tab, jupyterlab_server, write_notebook
from harness.laptop import Laptop, LaptopUnavailable
from harness.server import REPOSITORY, Server
from harness.waiting import Gate, poll_until

pytestmark = pytest.mark.stock_differs("it has no journal", run=False)

SOAK = os.environ.get("NEXTGEN_KERNELS_SOAK") == "1"
LINES = 400
COUNTING = f"for i in range({LINES}):\n    print('line', i, flush=True)\n"

# What a front end does that asks for a cell's output: the messages of the journal, put into the cell's model.
ASK_FOR_OUTPUTS = """async ({url, token, kernel, cell}) => {
  const model = jupyterapp.shell.currentWidget.content.widgets[cell].model;
  const address = `${url}/api/nextgen/kernels/${kernel}/messages?cell=${model.id}&msg_types=stream`;
  const response = await fetch(address, {headers: {Authorization: `token ${token}`}});
  model.outputs.clear();
  for (const line of (await response.text()).trim().split('\\n')) {
    const {message} = JSON.parse(line);
    if (message) {
      model.outputs.add({output_type: 'stream', ...message.content});
    }
  }
}"""
SAVE = "() => jupyterapp.commands.execute('docmanager:save')"
KERNEL_ID = "() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.id"
SESSION_ID = "() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.clientId"
RECONNECT = "() => { jupyterapp.commands.execute('notebook:reconnect-to-kernel'); }"
OPEN_CONSOLE = """async () => {
  await jupyterapp.commands.execute('notebook:create-console', {activate: true});
  await jupyterapp.commands.execute('console:toggle-show-all-kernel-activity');
}"""


def numbered_lines(text: str) -> list[int]:
    """Return the numbers of the lines that `COUNTING` prints."""
    return [int(line.removeprefix("line ")) for line in text.split("\n") if line.startswith("line ")]


def acknowledged_connection(server: Server, kernel_id: str, session_id: str) -> str:
    """Wait until the server knows that a session has all that it was sent; return its connection's id."""

    def acknowledged() -> str | None:
        path = f"/api/nextgen/kernels/{kernel_id}/journal?session_id={session_id}"
        connection = server.get(path).json()["connection"]
        return connection["journal"] if connection["acknowledged_frame"] == connection["next_frame"] else None

    return poll_until(acknowledged, "the answer to a ping")


def png(colour: tuple[int, int, int], size: int = 32) -> bytes:
    """Make a picture of one colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">2I5B", size, size, 8, 2, 0, 0, 0)
    pixels = zlib.compress((b"\0" + bytes(colour) * size) * size)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@dataclass
class Visit:
    """A browser at a JupyterLab."""

    jupyterlab: Server
    browser: Browser

    def open(self, tab: str, notebook: str, cells: Sequence[str] = ()) -> Tab:
        """Open a notebook, made of these cells if there are any."""
        if cells:
            write_notebook(self.jupyterlab.root / notebook, cells)
        return self.browser.open(tab, notebook)


@contextlib.contextmanager
def visiting(jupyterlab: Server, profile: Path, laptop: Laptop | None = None) -> Iterator[Visit]:
    """A browser at this JupyterLab for the length of a `with` block; both end with it."""
    with jupyterlab, Browser(jupyterlab, profile, laptop=laptop) as browser:
        yield Visit(jupyterlab, browser)


@pytest.fixture(scope="module")
def relayed(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    """As people have it: JupyterLab's server relays the WebSockets."""
    jupyterlab = jupyterlab_server(server, tmp_path_factory.mktemp("jupyterlab"))
    with visiting(jupyterlab, tmp_path_factory.mktemp("browser")) as visit:
        yield visit


@pytest.fixture(scope="module")
def direct(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    """The browser has its WebSockets from the server itself, in the binary protocol.

    Under another name, because JupyterLab shows its token only to hosts that have no cookie of it.
    """
    sockets = f"--ServerApp.websocket_url=ws://localhost:{server.port}"
    jupyterlab = jupyterlab_server(server, tmp_path_factory.mktemp("jupyterlab"), options=[sockets])
    with visiting(jupyterlab, tmp_path_factory.mktemp("browser")) as visit:
        yield visit


@pytest.fixture(scope="module")
def configured(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    """JupyterLab's server relays the WebSockets, with the configuration that lets it relay bytes."""
    jupyterlab = jupyterlab_server(
        server,
        tmp_path_factory.mktemp("jupyterlab"),
        environment={
            "JUPYTER_CONFIG_PATH": str(REPOSITORY / "examples" / "jupyterlab"),
            "JUPYTER_GATEWAY_ALLOWED_ENVS": "JPY_SESSION_NAME",
        },
    )
    with visiting(jupyterlab, tmp_path_factory.mktemp("browser")) as visit:
        yield visit


def test_output_around_a_reload_is_all_there_once_it_is_asked_for(server: Server, relayed: Visit) -> None:
    """A reloaded page shows the notebook as it was saved, and nothing of what comes for the page before."""
    with Gate() as gate:
        pause = f"    if i == {LINES // 2}: report(); stop()\n"
        tab = relayed.open("reload", "reload.ipynb", [gate.code, COUNTING + pause])
        tab.run(0)
        tab.do("run", cell=1)
        gate.wait_for_report()
        tab.output(1, f"line {LINES // 2}")
        tab.evaluate(SAVE)
        tab.do("reload")
        tab.do("wait_for_status", status="busy")
        tab.screenshot("reload-1-while-it-runs")
        gate.open()
        tab.do("wait_for_status", status="idle")
        assert numbered_lines(tab.output(1)) == list(range(LINES // 2 + 1))
        kernel = tab.evaluate(KERNEL_ID)
        tab.evaluate(ASK_FOR_OUTPUTS, {"url": server.url, "token": server.token, "kernel": kernel, "cell": 1})
        assert numbered_lines(tab.output(1)) == list(range(LINES))
        tab.screenshot("reload-2-asked-for")
        tab.do("close")
    assert relayed.browser.trouble() == []


def test_two_tabs_share_a_kernel(relayed: Visit) -> None:
    """A notebook in one, the same notebook and a console in the other."""
    cells = [
        "said = 'set in the first tab'\nprint('the first tab runs')",
        "print(said, 'read in the second')",
    ]
    first = relayed.open("first", "tabs.ipynb", cells)
    second = relayed.open("second", "tabs.ipynb")
    assert first.evaluate(KERNEL_ID) == second.evaluate(KERNEL_ID)
    second.evaluate(OPEN_CONSOLE)
    second.do("type", selector=".jp-CodeConsole-promptCell .cm-content", text="6 * 7", key="Shift+Enter")
    console = ".jp-CodeConsole .jp-OutputArea-output"
    second.do("read", selector=console, text="42")

    first.run(0)
    assert first.output(0).strip() == "the first tab runs"
    second.do("read", selector=console, text="the first tab runs")

    second.run(1)
    assert second.output(1).strip() == "set in the first tab read in the second"
    for tab in (first, second):
        tab.do("wait_for_status", status="idle")
        tab.screenshot(f"tabs-{tab.name}")
        tab.do("close")
    # Each widget manager asks by a comm of its own; the kernel publishes the answer, and the others say this.
    trouble = [line for line in relayed.browser.trouble() if "Comm not found for comm id" not in line]
    assert trouble == []


@pytest.mark.parametrize("way", ["direct", "configured"])
def test_widgets_send_and_receive_bytes(way: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """A picture comes as bytes, twice; a file goes to the kernel as bytes."""
    visit: Visit = request.getfixturevalue(way)
    red, blue = (210, 30, 40), (20, 60, 220)
    upload = bytes(range(256)) * 1024
    (tmp_path / "upload.bin").write_bytes(upload)
    cells = [
        f"import ipywidgets\npicture = ipywidgets.Image(value={png(red)!r})\npicture",
        f"picture.value = {png(blue, 48)!r}",
        "files = ipywidgets.FileUpload()\nfiles",
        "import hashlib\nprint(hashlib.sha256(files.value[0].content).hexdigest())",
    ]
    tab = visit.open("widgets", "widgets.ipynb", cells)
    tab.run(0)
    seen = tab.do("wait_for_picture", selector="img.widget-image", colour=red)
    assert seen == {"width": 32, "height": 32, "pixel": list(red)}
    tab.screenshot(f"widgets-{way}-1-red")
    tab.run(1)
    seen = tab.do("wait_for_picture", selector="img.widget-image", colour=blue)
    assert seen == {"width": 48, "height": 48, "pixel": list(blue)}
    tab.run(2)
    tab.do("choose_file", selector="button.widget-upload", path=str(tmp_path / "upload.bin"))
    tab.do("read", selector="button.widget-upload", text="(1)")
    tab.run(3)
    assert tab.output(3).strip() == hashlib.sha256(upload).hexdigest()
    tab.screenshot(f"widgets-{way}-2-all")
    tab.do("close")
    assert visit.browser.trouble() == []


def test_a_kernel_is_known_by_its_notebook(server: Server, configured: Visit) -> None:
    tab = configured.open("named", "named.ipynb", ["print(__session__)"])
    tab.run(0)
    notebook = str(configured.jupyterlab.root / "named.ipynb")
    assert tab.output(0).strip() == notebook
    assert server.get(f"/api/kernels/{tab.evaluate(KERNEL_ID)}").json()["document"] == notebook
    tab.do("close")


def test_terminals_work_beside_relayed_bytes(configured: Visit) -> None:
    """With `ServerApp.websocket_url` they would be looked for on the server of the kernels."""
    tab = configured.open("terminal", "terminal.ipynb", ["1"])
    tab.evaluate("() => { jupyterapp.commands.execute('terminal:create-new'); }")
    tab.do("type", selector=".jp-Terminal", text="echo $((6 * 7)) > typed.txt", key="Enter")
    typed = configured.jupyterlab.root / "typed.txt"
    poll_until(lambda: (typed.exists() and typed.read_text() == "42\n") or None, "what the terminal does")
    tab.screenshot("terminal")
    tab.do("close")
    assert configured.browser.trouble() == []


@pytest.fixture
def laptop() -> Iterator[Laptop]:
    """Give a machine whose network can be taken away."""
    try:
        running = Laptop()
    except LaptopUnavailable as reason:
        pytest.skip(f"no network namespaces here: {reason}")
    with running:
        yield running


@pytest.mark.parametrize("way", ["relayed", "direct"] if SOAK else ["relayed"])
def test_closed_lid_loses_nothing(
    way: str, laptop: Laptop, start_server: ServerFactory, tmp_path: Path
) -> None:
    """JupyterLab and its browser are on the laptop. Its network goes while a cell prints, and comes back.

    JupyterLab's server goes on with the connection that it had. The browser is told to connect anew, with
    the session of before, by the command of the menu. In `make test` the outage lasts until the cell is done,
    in `make soak` for a minute.
    """
    server = start_server(host=laptop.host_address)
    sockets = [f"--ServerApp.websocket_url=ws://{laptop.host_address}:{server.port}"]
    jupyterlab = jupyterlab_server(
        server, tmp_path / "lab", options=sockets if way == "direct" else [], laptop=laptop
    )
    with visiting(jupyterlab, tmp_path / "browser", laptop) as visit, Gate() as gate:
        pause = f"    if i == {LINES // 2}: report(); stop()\n"
        tab = visit.open("lid", "lid.ipynb", [gate.code, COUNTING + pause])
        kernel = tab.evaluate(KERNEL_ID)
        tab.run(0)
        tab.do("run", cell=1)
        gate.wait_for_report()
        tab.output(1, f"line {LINES // 2}")
        session = tab.evaluate(SESSION_ID)
        connection = acknowledged_connection(server, kernel, session)
        laptop.close_lid()
        closed = time.monotonic()
        gate.open()
        poll_until(
            lambda: server.get(f"/api/kernels/{kernel}").json()["execution_state"] == "idle" or None,
            "the end of the cell",
        )
        if SOAK:
            time.sleep(max(0, 60 - (time.monotonic() - closed)))
        tab.screenshot(f"lid-{way}-1-closed")
        assert numbered_lines(tab.output(1)) == list(range(LINES // 2 + 1))
        laptop.open_lid()
        if way == "direct":
            tab.evaluate(RECONNECT)
        tab.do("wait_until_finished", cell=1)
        assert numbered_lines(tab.output(1, f"line {LINES - 1}")) == list(range(LINES))
        assert (acknowledged_connection(server, kernel, session) == connection) == (way == "relayed")
        tab.screenshot(f"lid-{way}-2-open-again")
        print(f"{way}: closed for {time.monotonic() - closed:.0f} s in all")
