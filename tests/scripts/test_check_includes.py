"""check_includes.py names the line and the rule of a wrong include or link."""

from pathlib import Path

import check_includes
import pytest

LAYERS = """
[folders."include/nextgen_kernels"]
may_use = []
[folders.base]
may_use = []
libraries = ["fmt"]
[folders.wire]
may_use = ["base"]
libraries = ["openssl"]
[folders."clients/*"]
may_use = ["base", "wire"]
[folders.app]
may_use = ["*"]
libraries = ["fmt"]
[libraries.fmt]
headers = ["fmt/"]
targets = ["fmt::fmt"]
[libraries.openssl]
headers = ["openssl/"]
targets = ["OpenSSL::Crypto"]
one_file = true
[system]
headers = ["unistd.h", "sys/"]
"""


@pytest.fixture
def tree(tmp_path):
    """Writes files below a root that keeps the rules as long as no test breaks them."""

    def write(files: dict[str, str]) -> Path:
        files = {"scripts/layers.toml": LAYERS, "src/base/error.h": ""} | files
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return write


def complaints(root: Path, capsys) -> list[str]:
    status = check_includes.main(["--root", str(root)])
    lines = capsys.readouterr().err.splitlines()
    assert status == (1 if lines else 0)
    return lines


def test_allowed_includes_pass(tree, capsys):
    root = tree(
        {
            "include/nextgen_kernels/plugin.h": "#include <vector>\n#include <stdint.h>\n",
            "src/wire/frame.h": '#include <sys/socket.h>\n#include "base/error.h"\n',
            "src/clients/zmq/client.h": '#include "wire/frame.h"\n#include <nextgen_kernels/plugin.h>\n',
            "src/app/main.cpp": '#include "clients/zmq/client.h"\n#include <fmt/format.h>\n',
        }
    )
    assert complaints(root, capsys) == []


@pytest.mark.parametrize(
    ("path", "include", "reason"),
    [
        ("src/base/log.cpp", '"wire/frame.h"', "base may not include"),
        ("src/clients/zmq/a.cpp", '"clients/gateway/b.h"', "clients/zmq may not include"),
        ("src/wire/a.cpp", "<fmt/format.h>", "fmt is for base, app only, not wire"),
        ("src/wire/a.h", "<openssl/hmac.h>", "openssl stays inside one .cpp"),
        ("src/wire/a.cpp", "<curl/curl.h>", "is of no library or system folder"),
        ("src/wire/a.cpp", "<stdint.h>", "is of no library or system folder"),
        ("src/base/log.cpp", '"error.h"', "is no file below src/"),
        ("src/base/log.cpp", '"../base/error.h"', "is no file below src/"),
        ("include/nextgen_kernels/a.h", "<unistd.h>", "is standard C++ only"),
        ("src/unheard_of/a.cpp", "<vector>", "its folder is not in scripts/layers.toml"),
    ],
)
def test_wrong_include_is_refused(tree, capsys, path, include, reason):
    files = {
        "src/wire/frame.h": "",
        "src/clients/gateway/b.h": "",
        path: f"#include <string>\n#include {include}\n",
    }
    found = complaints(tree(files), capsys)
    assert len(found) == 1
    assert found[0].startswith(f"{path}:")
    assert reason in found[0]


def test_the_line_is_right_after_a_block_comment(tree, capsys):
    text = '/* one\n#include "wire/frame.h"\n*/\n#include "wire/frame.h"\n'
    found = complaints(tree({"src/wire/frame.h": "", "src/base/log.cpp": text}), capsys)
    assert [line.split(": ")[0] for line in found] == ["src/base/log.cpp:4"]


def test_a_hidden_library_has_one_file(tree, capsys):
    files = {
        "src/wire/a.cpp": "#include <openssl/hmac.h>\n",
        "src/wire/b.cpp": "\n#include <openssl/evp.h>\n",
    }
    found = complaints(tree(files), capsys)
    assert found == ["src/wire/b.cpp:2: openssl is already hidden in src/wire/a.cpp; one .cpp only"]


def test_link_lines_are_held_to_the_layers(tree, capsys):
    build = (
        "nk_library(nk_base\n  SOURCES a.cpp\n  PUBLIC nk_wire # w\n  PRIVATE OpenSSL::Crypto Not::known)\n"
    )
    files = {
        "src/base/CMakeLists.txt": build,
        "src/wire/CMakeLists.txt": "nk_library(nk_wire SOURCES a.cpp)\n",
    }
    found = complaints(tree(files), capsys)
    assert [line.split(": ")[0] for line in found] == [f"src/base/CMakeLists.txt:{n}" for n in (3, 4, 4)]
    assert "base may not link nk_wire" in found[0]
    assert "base may not link OpenSSL::Crypto" in found[1]
    assert "Not::known is of no library" in found[2]


def test_what_is_included_is_linked_directly_or_through_another(tree, capsys):
    files = {
        "src/base/CMakeLists.txt": "nk_library(nk_base SOURCES a.cpp)\n",
        "src/wire/CMakeLists.txt": "nk_library(nk_wire SOURCES a.cpp PUBLIC nk_base)\n",
        "src/wire/frame.h": '#include "base/error.h"\n',
        "src/clients/zmq/CMakeLists.txt": "nk_library(nk_clients_zmq SOURCES a.cpp PUBLIC nk_wire)\n",
        "src/clients/zmq/a.cpp": '#include "wire/frame.h"\n#include "base/error.h"\n',
    }
    root = tree(files)
    assert complaints(root, capsys) == []
    (root / "src/clients/zmq/CMakeLists.txt").write_text("nk_library(nk_clients_zmq SOURCES a.cpp)\n")
    found = complaints(root, capsys)
    assert "src/clients/zmq/a.cpp:1: clients/zmq includes wire but does not link nk_wire" in found


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("[folders.base]\nmay_use = []", '[folders.base]\nmay_use = ["wire"]', "circle"),
        ('may_use = ["base"]', 'may_use = ["basement"]', "'basement', which is no folder"),
        ('libraries = ["openssl"]', 'libraries = ["opensesame"]', "'opensesame', which is no library"),
    ],
)
def test_a_wrong_table_is_refused(tree, capsys, old, new, reason):
    root = tree({"scripts/layers.toml": LAYERS.replace(old, new)})
    assert check_includes.main(["--root", str(root)]) == 2
    assert reason in capsys.readouterr().err


def test_the_table_of_this_project_is_consistent():
    root = Path(check_includes.__file__).resolve().parent.parent
    layers = check_includes.Layers.load(root / "scripts" / "layers.toml")
    assert not layers.may_know("clients/zmq", "provisioners/local")
    assert not layers.may_know("provisioners/local", "clients/zmq")
    assert layers.may_know("app", "clients/zmq")
