"""The import contract that import-linter does not bring: who may enter a plugin, and by which door.

Its options and the other contracts stand in pyproject.toml. Manifests are read, not imported, so that a broken
plugin is refused and not run.
"""

import ast
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output

Requires = Mapping[str, tuple[str, ...]]


class PluginDoors(Contract):
    """Plugins import each other's door alone, only along `PLUGIN.requires`, which has no circle."""

    package = fields.StringField()
    door = fields.StringField()

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Collect every sentence that says what is wrong."""
        package, door = str(self.package), str(self.door)
        requires, unreadable = read_requires(folder_of(package))
        problems = [*unreadable, *circles(requires)]
        for importer, imported, line in imports_between(graph, package):
            place = f"{importer} (line {line}) imports {imported}"
            own = importer.split(".")[1]
            match imported.split("."):
                case [_, other, entered] if entered == door:
                    if other not in requires.get(own, ()):
                        problems.append(f"{place}, but {other!r} is not in the requires of {own!r}.")
                case _:
                    problems.append(f"{place}, which is not the {door} of a plugin.")
        return ContractCheck(kept=not problems, metadata={"problems": sorted(problems)})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print the sentences."""
        for problem in check.metadata["problems"]:
            output.print_error(f"- {problem}", bold=False)
        output.new_line()


def folder_of(package: str) -> Path:
    """Return the folder that a package would be imported from."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise LookupError(f"The package {package} cannot be found.")
    return Path(next(iter(spec.submodule_search_locations)))


def imports_between(graph: ImportGraph, package: str) -> Iterator[tuple[str, str, int]]:
    """Yield importer, imported and line of every import that leaves a plugin for another one."""
    for importer in graph.modules:
        if not importer.startswith(f"{package}."):
            continue
        own = ".".join(importer.split(".")[:2])
        for imported in graph.find_modules_directly_imported_by(importer):
            if imported.partition(".")[0] == package and not f"{imported}.".startswith(f"{own}."):
                details = graph.get_import_details(importer=importer, imported=imported)
                yield importer, imported, details[0]["line_number"]


def read_requires(folder: Path) -> tuple[Requires, list[str]]:
    """Return what each plugin of a folder requires, and a sentence for each manifest that does not say it plainly."""
    requires: dict[str, tuple[str, ...]] = {}
    unreadable = []
    for file in sorted(folder.glob("*/plugin.py")):
        name = file.parent.name
        try:
            requires[name] = _requires_of(ast.parse(file.read_text(), str(file)))
        except (LookupError, SyntaxError, ValueError) as error:
            unreadable.append(f"The manifest of {name!r} ({file.parent.name}/{file.name}) cannot be read: {error}.")
    return requires, unreadable


def _requires_of(tree: ast.Module) -> tuple[str, ...]:
    for statement in tree.body:
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        if any(isinstance(target, ast.Name) and target.id == "PLUGIN" for target in targets):
            assert isinstance(statement, ast.Assign)
            if not isinstance(statement.value, ast.Call):
                raise ValueError("PLUGIN is not written as Plugin(...)")
            for keyword in statement.value.keywords:
                if keyword.arg == "requires":
                    return tuple(ast.literal_eval(keyword.value))
            return ()
    raise LookupError("it has no PLUGIN = Plugin(...)")


def circles(requires: Requires) -> Iterator[str]:
    """Yield a sentence for every circle of requirements, each once."""
    seen: set[frozenset[str]] = set()
    for start in sorted(requires):
        for circle in _circles_from(start, (start,), requires):
            if frozenset(circle) not in seen:
                seen.add(frozenset(circle))
                yield f"The requires form a circle: {' -> '.join((*circle, start))}."


def _circles_from(start: str, path: tuple[str, ...], requires: Requires) -> Iterator[tuple[str, ...]]:
    for required in requires.get(path[-1], ()):
        if required == start:
            yield path
        elif required not in path:
            yield from _circles_from(start, (*path, required), requires)
