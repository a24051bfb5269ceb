"""run_doc_snippets.py runs what the documents show and says where they are wrong."""

import os

import pytest
import run_doc_snippets


@pytest.fixture
def run(tmp_path, capsys):
    """Runs a document; returns the exit status and what was said."""
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    greet = bin_dir / "greet"
    greet.write_text("#!/bin/sh\necho hello $1\n")
    greet.chmod(0o755)

    def run(text: str) -> tuple[int, str]:
        page = tmp_path / "page.md"
        page.write_text(text)
        status = run_doc_snippets.main(["--bin-dir", str(bin_dir), str(page)])
        return status, capsys.readouterr().err

    return run


def test_blocks_of_a_document_share_shell_and_directory(run):
    shell = "```sh run\nname=world\ngreet $name > made\n```\n"
    python = "```python run\nassert 'world' in open('made').read()\n```\n"
    assert run(
        shell + python + "```console run\n$ cat made; greet $name\nhello world\nhello world\n```\n"
    ) == (0, "")


def test_a_skipped_block_is_not_run(run):
    assert run("```sh skip\nexit 3\n```\n") == (0, "")


def test_a_failing_block_is_named_with_its_output(run):
    status, said = run("# Page\n\n```sh run\ntrue\n```\n\n```sh run\necho oh no\nfalse\n```\n")
    assert status == 1
    assert "page.md:7: failed with status 1; its output:\noh no\n" in said


def test_an_error_in_a_pipe_or_of_an_unset_name_fails(run):
    assert run("```sh run\nfalse | true\n```\n")[0] == 1
    assert run("```sh run\necho $never_set\n```\n")[0] == 1


def test_other_output_than_shown_is_refused(run):
    status, said = run("```console run\n$ greet you\nhello me\n```\n")
    assert status == 1
    assert "page.md:2: the output is not what the document shows." in said
    assert "hello you" in said


def test_a_console_command_may_go_over_lines(run):
    assert run("```console run\n$ for name in a b; do\n>   greet $name\n> done\nhello a\nhello b\n```\n") == (
        0,
        "",
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("```sh\nls\n```\n", "say what becomes of this block"),
        ("```python later\n1\n```\n", "say what becomes of this block"),
        ("```console run\nls\n```\n", "begins with '$ '"),
        ('```json\n{"a": }\n```\n', "does not parse"),
    ],
)
def test_a_badly_written_block_is_refused(run, text, reason):
    status, said = run(text)
    assert status == 1
    assert reason in said


def test_an_unclosed_block_still_runs(run):
    assert run("```sh run\nfalse\n")[0] == 1


def test_leaving_the_shell_early_is_noticed(run):
    status, said = run("```sh run\nexit 0\n```\n```sh run\ntrue\n```\n")
    assert status == 1
    assert "page.md:4: never reached" in said


def test_background_processes_end_with_the_document(run, tmp_path):
    assert run(f"```sh run\nsleep 1000 & echo $! > {tmp_path}/pid\n```\n") == (0, "")
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_document_that_hangs_is_ended(run, monkeypatch):
    monkeypatch.setattr(run_doc_snippets, "SECONDS_PER_DOCUMENT", 0.5)
    status, said = run("```sh run\necho begun; sleep 1000\n```\n")
    assert status == 1
    assert "not done after 0.5 s; its output so far:\nbegun" in said


def test_jupyter_settings_of_the_user_do_not_reach_a_snippet(run, monkeypatch):
    monkeypatch.setenv("JUPYTER_TOKEN", "secret")
    assert run(
        '```sh run\ntest -z "${JUPYTER_TOKEN:-}" -a "$HOME" != /root -a "$(ls | wc -l)" = 0\n```\n'
    ) == (0, "")


@pytest.mark.parametrize(
    ("shown", "is_", "same"),
    [
        ("a\nb", "a\nb\n", True),
        ("a ... c", "a b c\n", True),
        ("a ... c", "a\nc\n", False),
        ("a\n...\nd", "a\nb\nc\nd\n", True),
        ("a\n...\nd", "a\nd\n", True),
        ("...", "", True),
        ("", "", True),
        ("", "something\n", False),
        ("a.c", "abc\n", False),
    ],
)
def test_dots_stand_for_anything(shown, is_, same):
    assert run_doc_snippets.matches(shown, is_) is same
