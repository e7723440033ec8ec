"""What every plugin's folder holds, and what its door and its manifest may contain."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.sources import Source, sources

COMPULSORY = ("__init__.py", "api.py", "plugin.py", "README.md")
PAGE_LINES = 100
# What a value that a hook returns may be made of: names and calls, no decision and no loop.
PLAIN = (
    ast.Attribute,
    ast.Call,
    ast.Constant,
    ast.Dict,
    ast.expr_context,
    ast.keyword,
    ast.List,
    ast.Name,
    ast.Starred,
    ast.Tuple,
)


def plugin_folders(root: Path) -> list[Path]:
    """Return the folders of the plugins below a root."""
    return sorted({path.parent for path in root.glob("plugins/*/*.py")})


def missing_files(root: Path) -> list[str]:
    """Return what a plugin lacks of what each must have."""
    return [
        f"plugins/{folder.name}: {name} is missing."
        for folder in plugin_folders(root)
        for name in COMPULSORY
        if not (folder / name).is_file()
    ]


def unread_pages(root: Path) -> list[str]:
    """Return the READMEs that do not begin with the plugin's name or are longer than a page."""
    problems = []
    for page in sorted(root.glob("plugins/*/README.md")):
        lines = page.read_text().splitlines()
        if lines[:1] != [f"# {page.parent.name}"]:
            problems.append(f"plugins/{page.parent.name}/README.md: its first line is not `# {page.parent.name}`.")
        if not 5 <= len(lines) <= PAGE_LINES:
            problems.append(f"plugins/{page.parent.name}/README.md: {len(lines)} lines are no page.")
    return problems


def doors_ajar(root: Path) -> list[str]:
    """Return what an `api.py` holds besides imports and an `__all__` that names just these."""
    problems = []
    for source in sources(root, "plugins/*/api.py"):
        imported: set[str] = set()
        offered: set[str] = set()
        for statement in _after_docstring(source.tree.body):
            match statement:
                case ast.ImportFrom(names=names):
                    imported |= {name.asname or name.name for name in names}
                case ast.Assign(targets=[ast.Name(id="__all__")], value=ast.List(elts=elements)):
                    offered = {ast.literal_eval(element) for element in elements}
                case _:
                    problems.append(f"{source.at(statement)}: a door holds imports and __all__ only.")
        if imported != offered:
            problems.append(
                f"{source.path}: __all__ and the imports differ in {', '.join(sorted(imported ^ offered))}."
            )
    return problems


def manifests_with_logic(root: Path) -> list[str]:
    """Return what a `plugin.py` holds besides imports, `PLUGIN` and hooks that return a value."""
    return [
        f"{source.at(statement)}: a manifest holds imports, PLUGIN and hooks that return what they register."
        for source in sources(root, "plugins/*/plugin.py")
        for statement in _manifest_logic(source)
    ]


def _manifest_logic(source: Source) -> Iterator[ast.stmt]:
    for statement in _after_docstring(source.tree.body):
        match statement:
            case ast.Import() | ast.ImportFrom():
                continue
            case ast.Assign(targets=[ast.Name(id="PLUGIN")], value=value) if _is_plain(value):
                continue
            case ast.FunctionDef(body=body):
                inner = _after_docstring(body)
                match inner:
                    case [ast.Return(value=ast.expr() as value)] if _is_plain(value):
                        continue
        yield statement


def _after_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    match body:
        case [ast.Expr(value=ast.Constant(value=str())), *rest]:
            return rest
    return body


def _is_plain(value: ast.expr) -> bool:
    return all(isinstance(node, PLAIN) for node in ast.walk(value))
