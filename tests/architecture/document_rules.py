"""What holds of documents: decisions have their four parts, links lead somewhere, change notes have a known kind."""

import re
from collections.abc import Collection, Iterator
from pathlib import Path

ADR_PARTS = ["Context", "Decision", "Consequences", "Rejected alternatives"]
DOCUMENTS = ("*.md", "docs/**/*.md", "plugins/*/README.md")


def incomplete_decisions(root: Path) -> list[str]:
    """Return what is wrong with the decision records: names, numbers, parts, index."""
    folder = root / "docs" / "adr"
    records = sorted(path for path in folder.glob("*.md") if path.name != "README.md")
    index = (folder / "README.md").read_text() if records else ""
    problems = []
    for number, record in enumerate(records, start=1):
        text = record.read_text()
        if not re.fullmatch(rf"{number:04}-[a-z0-9-]+\.md", record.name):
            problems.append(f"{record.name}: the name of this record is {number:04}-title-in-small-letters.md.")
        if not re.match(rf"# {number}\. \S", text):
            problems.append(f"{record.name}: its first line is not `# {number}. Title`.")
        if re.findall(r"(?m)^## (.+)$", text) != ADR_PARTS:
            problems.append(f"{record.name}: its parts are not {', '.join(ADR_PARTS)}.")
        if f"({record.name})" not in index:
            problems.append(f"{record.name}: the index docs/adr/README.md does not list it.")
    return problems


def dead_links(root: Path) -> list[str]:
    """Return the links to files or headings of this project that are not there."""
    return [
        f"{document.relative_to(root)}: {link} leads nowhere."
        for document in sorted({path for pattern in DOCUMENTS for path in root.glob(pattern)})
        for link in _links(document.read_text())
        if not _leads_somewhere(document, link)
    ]


def _links(text: str) -> Iterator[str]:
    prose = re.sub(r"(?ms)^```.*?^```$|`[^`\n]*`", "", text)
    for link in re.findall(r"\]\(([^)\s]+)\)", prose):
        if not re.match(r"[a-z]+:", link):
            yield link


def _leads_somewhere(document: Path, link: str) -> bool:
    name, _, anchor = link.partition("#")
    target = document.parent / name if name else document
    if not target.exists() or not anchor:
        return target.exists()
    return target.is_file() and anchor in {_anchor(title) for title in re.findall(r"(?m)^#+ (.+)$", target.read_text())}


def _anchor(title: str) -> str:
    return re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-")


def unknown_notes(root: Path, kinds: Collection[str]) -> list[str]:
    """Return the files of `changelog.d` that no change log would show."""
    return [
        f"changelog.d/{note.name}: a note is named <change>.<kind>.md, where the kind is {', '.join(sorted(kinds))}."
        for note in sorted((root / "changelog.d").glob("*"))
        if note.name != "README.md"
        and not re.fullmatch(rf"\+?[a-z0-9-]+\.({'|'.join(map(re.escape, kinds))})(\.\d+)?\.md", note.name)
    ]
