"""Writes a new plugin in a package of its author's own; the texts stand beside this file, `{{name}}` for its name.

What it writes is a small plugin that works: a table, routes, permissions, an event, personal data and their tests.
"""

from importlib.util import find_spec
from pathlib import Path

from kernel.errors import Conflict, Invalid
from kernel.plugin import RESERVED_NAMES, discover

_FILES = {
    "pyproject.toml": "pyproject",
    "README.md": "readme",
    "{{name}}/__init__.py": "init",
    "{{name}}/plugin.py": "plugin",
    "{{name}}/api.py": "api",
    "{{name}}/permissions.py": "permissions",
    "{{name}}/errors.py": "errors",
    "{{name}}/events.py": "events",
    "{{name}}/tables.py": "tables",
    "{{name}}/schemas.py": "schemas",
    "{{name}}/queries.py": "queries",
    "{{name}}/actions.py": "actions",
    "{{name}}/personal_data.py": "personal_data",
    "{{name}}/routes.py": "routes",
    "{{name}}/py.typed": "typed",
    "{{name}}/migrations/0001_entries.py": "migration",
    "tests/conftest.py": "conftest",
    "tests/test_entries.py": "test_entries",
}
"""Each file with the text that it is made of."""


def write_plugin(name: str, directory: Path) -> list[Path]:
    """Write a new plugin and return its files.

    Args:
        name: Of the plugin and its package.
        directory: Must not be there or be empty.

    Raises:
        Invalid: The name cannot be one.
        Conflict: The name or the directory is taken.
    """
    if not name.isidentifier() or not name.islower() or name in RESERVED_NAMES:
        raise Invalid(f"{name!r} is no name of a plugin: take small letters, digits and _, and no reserved word.")
    if name in {plugin.name for plugin in discover()} or find_spec(name) is not None:
        raise Conflict(f"There is a plugin or a package {name!r} already; take another name.")
    if directory.exists() and any(directory.iterdir()):
        raise Conflict(f"{directory} is not empty.")
    written = []
    for path, text in _FILES.items():
        file = directory / path.replace("{{name}}", name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text((Path(__file__).parent / f"{text}.txt").read_text().replace("{{name}}", name))
        written.append(file)
    return written
