"""check_links.py finds links of the documents that lead nowhere."""

import check_links
import pytest
from markdown_text import parse


def complaints(tmp_path, text):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "other.md").write_text(
        "# Other one\n\n## Twice\n\n## Twice\n\n## `code` & [link](x)!\n"
    )
    page = tmp_path / "page.md"
    page.write_text(text)
    return check_links.broken_links(
        tmp_path, [page, tmp_path / "docs" / "other.md"][:1] + [tmp_path / "docs/other.md"]
    )


@pytest.mark.parametrize(
    "link",
    [
        "docs/other.md",
        "docs/other.md#other-one",
        "docs/other.md#twice-1",
        "docs/other.md#code--link",
        "docs",
        "#title",
        "https://example.org/nowhere",
        "mailto:someone@example.org",
    ],
)
def test_good_link_passes(tmp_path, link):
    found = complaints(tmp_path, f"# Title\n\n[text]({link})\n")
    assert [line for line in found if line.startswith("page.md")] == []


@pytest.mark.parametrize(
    ("link", "reason"),
    [
        ("docs/none.md", "no such file"),
        ("docs/other.md#none", "no heading of docs/other.md"),
        ("#none", "no heading of page.md"),
        ("/etc/passwd", "an absolute path"),
        ("../..", "leaves the checkout"),
    ],
)
def test_broken_link_is_named_with_its_line(tmp_path, link, reason):
    found = complaints(tmp_path, f"# Title\n\n![text [x]]({link})\n")
    assert found[0].startswith(f"page.md:3: {link}: ")
    assert reason in found[0]


def test_a_reference_definition_is_a_link(tmp_path):
    assert "page.md:2: none.md: no such file" in complaints(tmp_path, "[a][b]\n[b]: none.md\n")


def test_code_is_not_searched_for_links_or_headings():
    document = parse("`[a](b)`\n\n```text\n# no heading\n[a](b)\n```\n~~~\n```\n[c](d)\n~~~\n# Yes\n")
    assert document.links == ()
    assert document.anchors == {"yes"}
    assert [block.text for block in document.blocks] == ["# no heading\n[a](b)\n", "```\n[c](d)\n"]
