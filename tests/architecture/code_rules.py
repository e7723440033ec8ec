"""Rules of every Python file that ruff and import-linter do not know. Each returns a sentence for every violation."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.sources import Source, sources

OURS = ("kernel/**/*.py", "plugins/**/*.py")
EVERYWHERE = (*OURS, "benchmarks/**/*.py", "tests/**/*.py")
LATE_IMPORT_REASONS = frozenset({"optional-dependency", "start-up-time"})
JUNK_DRAWERS = frozenset(
    {
        "base",
        "common",
        "core",
        "helper",
        "helpers",
        "manager",
        "managers",
        "misc",
        "service",
        "services",
        "util",
        "utils",
    }
)
EMPTY_SUFFIXES = ("DTO", "Helper", "Manager", "Service", "Utils")


def late_imports(root: Path) -> list[str]:
    """Return the imports inside functions that do not say `# import: <reason>` with a reason of the closed list."""
    return [
        f"{source.at(statement)}: an import inside a function needs `# import: ` and one of "
        f"{', '.join(sorted(LATE_IMPORT_REASONS))}."
        for source in sources(root, *EVERYWHERE)
        for statement in _imports_in_functions(source.tree)
        if _late_import_reason(source, statement) not in LATE_IMPORT_REASONS
    ]


def _imports_in_functions(tree: ast.Module) -> Iterator[ast.Import | ast.ImportFrom]:
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    inner = {node for function in functions for node in ast.walk(function)}
    found = [node for node in inner if isinstance(node, ast.Import | ast.ImportFrom)]
    yield from sorted(found, key=lambda node: node.lineno)


def _late_import_reason(source: Source, statement: ast.stmt) -> str | None:
    text = "\n".join(source.lines[statement.lineno - 1 : statement.end_lineno])
    match = re.search(r"# import: ([a-z-]+)", text)
    return match.group(1) if match else None


def commits(root: Path) -> list[str]:
    """Return the commits outside `kernel/db.py`, by a method or in words; a migration ends its own, of schemas only."""
    return [
        f"{source.at(node)}: only kernel/db.py commits."
        for source in sources(root, *OURS)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and source.path not in ("kernel/db.py", "kernel/migrate.py") and _commits(node)
    ]


def _commits(call: ast.Call) -> bool:
    called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    words = [argument.value for argument in call.args if isinstance(argument, ast.Constant)]
    return called in ("commit", "_commit") or any(
        isinstance(word, str) and re.fullmatch(r"(?i)\s*(commit|end)(\s+(work|transaction))?\s*;?\s*", word)
        for word in words
    )


def operator_sessions(root: Path) -> list[str]:
    """Return the places where a plugin other than `admin` opens a transaction that sees every tenant."""
    return [
        f"{source.at(node)}: only plugins.admin and the command line open an operator session."
        for source in sources(root, "plugins/**/*.py")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Attribute)
        and node.attr == "operator_session"
        and not source.path.startswith("plugins/admin/")
    ]


def empty_names(root: Path) -> list[str]:
    """Return the modules and classes whose names say nothing about what is in them."""
    modules = [
        f"{source.path}: {part!r} says nothing about what is in it."
        for source in sources(root, *EVERYWHERE)
        for part in Path(source.path).with_suffix("").parts
        if part in JUNK_DRAWERS
    ]
    classes = [
        f"{source.at(node)}: {node.name!r} says how it is filed, not what it is."
        for source in sources(root, *EVERYWHERE)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ClassDef) and node.name.endswith(EMPTY_SUFFIXES)
    ]
    return modules + classes
