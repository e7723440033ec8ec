"""Reads source trees for the rules of this folder. What is a violation stands with each rule."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]


class Source(NamedTuple):
    """A Python file: its path below the root, its lines and its syntax tree."""

    path: str
    lines: list[str]
    tree: ast.Module

    def at(self, node: ast.stmt | ast.expr) -> str:
        """Return the place of a node as `path:line`."""
        return f"{self.path}:{node.lineno}"


def sources(root: Path, *patterns: str) -> Iterator[Source]:
    """Yield the Python files below a root that match the patterns, in order."""
    for path in sorted({found for pattern in patterns for found in root.glob(pattern)}):
        text = path.read_text()
        yield Source(path.relative_to(root).as_posix(), text.splitlines(), ast.parse(text, str(path)))
