"""What a plugin may import: its own files downwards, the kernel's public names, other plugins by their `api`.

Files are read and not run. A file that none of the layers names may import, and be imported, as it likes.
"""

import ast
from collections.abc import Iterator, Mapping
from importlib.util import resolve_name
from pathlib import Path

import msgspec

from kernel import PUBLIC
from kernel.plugin import LoadedPlugin

LAYERS = (
    ("plugin",),
    ("api", "cli", "demo"),
    ("routes", "sockets", "pages", "listeners", "tasks"),
    ("actions",),
    ("queries",),
    ("rules",),
    ("hookspecs",),
    ("tables", "schemas", "events"),
    ("errors", "permissions", "settings"),
)
"""From top to bottom; files of one layer do not import each other."""
_DEPTH = {concern: depth for depth, layer in enumerate(LAYERS) for concern in layer}
_FRAMEWORKS = frozenset(
    {"advanced_alchemy", "asyncpg", "httpx", "litestar", "minio", "pgqueuer", "redis", "sqlalchemy"}
)


class Import(msgspec.Struct, frozen=True):
    """One import: where it stands, from which module, and the name if it takes one out of it."""

    file: Path
    line: int
    module: str
    name: str = ""

    @property
    def place(self) -> str:
        """The file and line."""
        return f"{self.file}:{self.line}"

    @property
    def whole(self) -> str:
        """Module and name."""
        return f"{self.module}.{self.name}" if self.name else self.module


def import_problems(plugin: LoadedPlugin, others: Mapping[str, str]) -> list[str]:
    """Return a sentence for each import of a plugin that it may not make.

    Args:
        plugin: Whose files are read.
        others: The packages of the other plugins, each with the plugin's name.
    """
    package = package_of(plugin)
    problems = []
    for each in imports_of(plugin.folder, package):
        if each.module.partition(".")[0] == "kernel":
            reason = _of_the_kernel(each)
        elif f"{each.whole}.".startswith(f"{package}."):
            reason = _of_its_own(plugin, package, each)
        else:
            reason = _of_another(plugin, others, each) or _of_rules(plugin, each)
        if reason is not None:
            problems.append(str(plugin.broken(reason, each.place)))
    return problems


def package_of(plugin: LoadedPlugin) -> str:
    """Return the package in which a plugin's files stand."""
    return plugin.module.__name__.rpartition(".")[0]


def imports_of(folder: Path, package: str) -> Iterator[Import]:
    """Yield every import of a package's files."""
    for file in sorted(folder.rglob("*.py")):
        inside = file.relative_to(folder).with_suffix("").parts[:-1]
        here = ".".join((package, *inside))
        for node in ast.walk(ast.parse(file.read_text(), str(file))):
            if isinstance(node, ast.Import):
                yield from (Import(file, node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                module = resolve_name("." * node.level + (node.module or ""), here) if node.level else str(node.module)
                yield from (Import(file, node.lineno, module, alias.name) for alias in node.names)


def _of_the_kernel(each: Import) -> str | None:
    if each.module in PUBLIC and (not each.name or each.name in PUBLIC[each.module]):
        return None
    if each.whole in PUBLIC:
        return None
    return f"{each.whole} is imported, which is no public name of the kernel (`kernel.PUBLIC`)."


def _of_its_own(plugin: LoadedPlugin, package: str, each: Import) -> str | None:
    importing = each.file.relative_to(plugin.folder).with_suffix("").parts[0]
    imported = f"{each.whole}.".removeprefix(f"{package}.").partition(".")[0]
    upper, lower = _DEPTH.get(importing), _DEPTH.get(imported)
    if importing == imported or upper is None or lower is None or upper < lower:
        return None
    return f"{importing} imports {imported}, and imports only go down: {_described()}."


def _of_another(plugin: LoadedPlugin, others: Mapping[str, str], each: Import) -> str | None:
    for package, name in others.items():
        if f"{each.whole}.".startswith(f"{package}."):
            if name not in plugin.manifest.requires:
                return f"{each.whole} is imported, and the plugin does not require {name!r}."
            if not f"{each.whole}.".startswith(f"{package}.api."):
                return f"{each.whole} is imported, and another plugin is entered by its api alone."
    return None


def _of_rules(plugin: LoadedPlugin, each: Import) -> str | None:
    top = each.module.partition(".")[0]
    if top in _FRAMEWORKS and each.file.relative_to(plugin.folder).with_suffix("").parts[0] == "rules":
        return f"{top} is imported, and rules decide without database, network or framework."
    return None


def _described() -> str:
    return " > ".join(" | ".join(layer) for layer in LAYERS)
