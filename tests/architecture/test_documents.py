"""The rules of `document_rules`: the documents keep them, and each sees what breaks it."""

import tomllib

from tests.architecture.conftest import WriteTree
from tests.architecture.document_rules import dead_links, incomplete_decisions, unknown_notes
from tests.architecture.sources import ROOT

KINDS = [
    kind["directory"] for kind in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["towncrier"]["type"]
]


def test_every_decision_is_complete_and_listed() -> None:
    assert incomplete_decisions(ROOT) == []


def test_every_link_leads_somewhere() -> None:
    assert dead_links(ROOT) == []


def test_every_change_note_has_a_known_kind() -> None:
    assert unknown_notes(ROOT, KINDS) == []


def test_an_incomplete_decision_is_seen(write_tree: WriteTree) -> None:
    parts = "\n\n## Context\n\n## Decision\n\n## Consequences\n\n## Rejected alternatives\n"
    tree = write_tree(
        {
            "docs/adr/README.md": "[One](0001-one.md), [two](0002-two.md)\n",
            "docs/adr/0001-one.md": f"# 1. One{parts}",
            "docs/adr/0002-two.md": "# Two\n\n## Context\n\n## Decision\n",
            "docs/adr/0004-four.md": f"# 3. Four{parts}",
        }
    )
    assert incomplete_decisions(tree) == [
        "0002-two.md: its first line is not `# 2. Title`.",
        "0002-two.md: its parts are not Context, Decision, Consequences, Rejected alternatives.",
        "0004-four.md: the name of this record is 0003-title-in-small-letters.md.",
        "0004-four.md: the index docs/adr/README.md does not list it.",
    ]


def test_a_dead_link_is_seen(write_tree: WriteTree) -> None:
    text = (
        "# One page\n\n[here](#one-page) [there](other.md#the-part) [away](https://example.com) `[code](none)`\n"
        "[gone](none.md) [no such part](other.md#nothing)\n"
    )
    tree = write_tree({"docs/page.md": text, "docs/other.md": "# Other\n\n## The part\n"})
    assert dead_links(tree) == [
        "docs/page.md: none.md leads nowhere.",
        "docs/page.md: other.md#nothing leads nowhere.",
    ]


def test_a_note_of_no_kind_is_seen(write_tree: WriteTree) -> None:
    tree = write_tree({"changelog.d/+codes.feature.md": "x", "changelog.d/codes.md": "x", "changelog.d/a.news.md": "x"})
    assert unknown_notes(tree, ["feature", "doc"]) == [
        f"changelog.d/{name}: a note is named <change>.<kind>.md, where the kind is doc, feature."
        for name in ("a.news.md", "codes.md")
    ]
