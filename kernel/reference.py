"""The catalogue of a deployment as Markdown: what its plugins, the kernel among them, offer and register.

Made from the code of whatever is installed, so it is never out of date and knows the plugins of others too. Operations
are described by `collegium openapi`.
"""

import inspect
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from kernel import hookspecs
from kernel.errors import DomainError
from kernel.plugin import KERNEL_VERSION
from kernel.registry import Registry

Row = tuple[str, ...]


def reference(registry: Registry) -> str:
    """Return the whole catalogue."""
    lines = [
        "# Reference",
        "",
        f"Made by `collegium reference` from kernel {KERNEL_VERSION} and the plugins that are installed here.",
    ]
    for title, head, rows in _sections(registry):
        lines += ["", f"## {title}", "", _line(head), _line("---" for _ in head), *map(_line, sorted(rows))]
    return "\n".join(lines) + "\n"


def without_sentence(registry: Registry) -> list[str]:
    """Return what the catalogue would list without saying what it is."""
    return [
        f"{title}: {row[0]}" for title, _, rows in _sections(registry) for row in rows if not all(cell for cell in row)
    ]


def _sections(registry: Registry) -> Iterator[tuple[str, Row, Sequence[Row]]]:
    yield (
        "Plugins",
        ("plugin", "version", "requires", "what"),
        [
            (f"`{p.name}`", p.manifest.version, ", ".join(p.manifest.requires) or "none", p.manifest.summary)
            for p in registry.plugins
        ],
    )
    yield "Hooks", ("hook", "offered by", "what"), [*_kernels_hooks(), *_offered_hooks(registry)]
    yield (
        "Permissions",
        ("permission", "held at first", "what"),
        [(f"`{p.name}`", _roles(p.roles), p.title) for p in registry.permissions],
    )
    yield (
        "Events",
        ("event", "version", "what"),
        [(f"`{event.name}`", str(event.version), _sentence(event)) for event in registry.events],
    )
    yield (
        "Settings of a tenant",
        ("setting", "at first", "what"),
        [row for spec in registry.settings for row in _settings(spec.category, spec.title, spec.kind)],
    )
    yield (
        "Tasks",
        ("task", "starts", "what"),
        [
            (f"`{task.name}`", f"`{task.schedule}`" if task.schedule else "when asked", _work(task.handle or task.work))
            for task in registry.tasks
        ],
    )
    yield (
        "Commands of plugins",
        ("command", "what"),
        [(f"`collegium {command.name}`", command.summary) for command in registry.commands],
    )
    yield (
        "Mails",
        ("template", "placeholders", "what"),
        [
            (f"`{mail.name}`", ", ".join(f"`{each}`" for each in mail.placeholders) or "none", mail.title)
            for mail in registry.mail_templates.values()
        ],
    )
    yield "Errors", ("code", "status", "what"), _errors(registry)


def _kernels_hooks() -> Iterator[Row]:
    for name, function in vars(hookspecs).items():
        if hasattr(function, f"{hookspecs.PROJECT}_spec"):
            yield f"`{name}`", "the kernel", _sentence(function)


def _offered_hooks(registry: Registry) -> Iterator[Row]:
    for name, function in registry.hook_specifications.items():
        yield f"`{name}`", f"`{registry.offered_hooks[name]}`", _sentence(function)


def _settings(category: str, title: str, kind: type[msgspec.Struct], above: str = "") -> Iterator[Row]:
    for field in msgspec.structs.fields(kind):
        path = f"{above or category}.{field.name}"
        default = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
        if isinstance(default, msgspec.Struct):
            yield from _settings(category, title, type(default), path)
        else:
            yield f"`{path}`", f"`{default!r}`", f"{title}: {field.name.replace('_', ' ')}"


def _errors(registry: Registry) -> list[Row]:
    prefixes = ("kernel.", *(f"{plugin.name}." for plugin in registry.plugins))
    found = {
        each.code: (f"`{each.code}`", str(each.status), each.title)
        for each in _below(DomainError)
        if each.code.startswith(prefixes)
    }
    return list(found.values())


def _below(kind: type[DomainError]) -> Iterator[type[DomainError]]:
    for each in kind.__subclasses__():
        yield each
        yield from _below(each)


def _roles(roles: Any) -> str:
    return ", ".join(f"{role or 'everybody'} {scope}" for role, scope in sorted(roles.items())) or "by nobody"


def _work(function: Any) -> str:
    """Return what a task does: its function says so, or else the file in which that stands."""
    return _first_line(function.__doc__) or _first_line(sys.modules[function.__module__].__doc__)


def _sentence(thing: Any) -> str:
    return _first_line(thing.__doc__)


def _first_line(text: str | None) -> str:
    return inspect.cleandoc(text or "").partition("\n")[0]


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
