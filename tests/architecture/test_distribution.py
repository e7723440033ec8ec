"""What is installed: the lock file pins every file by hash and names no address; nothing is imported undeclared."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.sources import ROOT, sources

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
LOCK = (ROOT / "requirements.lock").read_text()
# Modules that only another tool loads, which then is there.
LOADED_BY_TOOLS = {"kernel/mypy_plugin.py": {"mypy"}, "kernel/testing": {"aiosmtpd", "pytest"}}


def declared() -> list[Requirement]:
    """Return every requirement of pyproject.toml."""
    extras = [line for extra in PROJECT["optional-dependencies"].values() for line in extra]
    lines = [*PROJECT["dependencies"], *extras, *PYPROJECT["dependency-groups"]["dev"]]
    return [Requirement(line) for line in [*lines, *PYPROJECT["build-system"]["requires"]]]


def locked() -> Iterator[tuple[str, str, str]]:
    """Yield name, version and the rest of every entry of the lock file."""
    for entry in re.split(r"(?m)^(?=[a-zA-Z0-9])", LOCK):
        if match := re.match(r"([A-Za-z0-9._-]+)==([^\s;]+)(.*)", entry, re.DOTALL):
            yield match.group(1), match.group(2), match.group(3)


def test_the_lock_file_has_a_hash_for_every_entry() -> None:
    entries = list(locked())
    assert len(entries) > len(declared())
    assert [name for name, _, rest in entries if "--hash=sha256:" not in rest] == []


def test_the_lock_file_pins_and_nothing_else() -> None:
    kinds = r"[A-Za-z0-9._-]+==[^\s;]+( ; [^\\]+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?|    # via.*|    #   .*"
    assert [line for line in LOCK.splitlines() if not re.fullmatch(kinds, line)] == []


def test_the_lock_file_names_no_address_and_no_path() -> None:
    assert [line for line in LOCK.splitlines() if re.search(r"://|^-|\s-[a-z]|--(?!hash=)|/|@", line)] == []


def test_the_lock_file_satisfies_every_requirement() -> None:
    pinned = {canonicalize_name(name): version for name, version, _ in locked()}
    unmet = [
        str(requirement)
        for requirement in declared()
        if not requirement.specifier.contains(pinned.get(canonicalize_name(requirement.name), "0"), prereleases=True)
    ]
    assert unmet == []


def test_the_product_imports_only_what_it_declares() -> None:
    extras = [line for extra in PROJECT["optional-dependencies"].values() for line in extra]
    own = {canonicalize_name(Requirement(line).name) for line in [*PROJECT["dependencies"], *extras]}
    origins = packages_distributions()
    undeclared = {
        f"{source.path}: {name}"
        for source in sources(ROOT, "kernel/**/*.py", "plugins/**/*.py")
        for name in _imported(source.tree) - set(sys.stdlib_module_names) - {"kernel", "plugins"}
        if own.isdisjoint(map(canonicalize_name, origins.get(name, [])))
        and not any(source.path.startswith(place) and name in names for place, names in LOADED_BY_TOOLS.items())
    }
    assert undeclared == set()


def _imported(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names
