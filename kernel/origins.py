"""In which file of a plugin something stands that it registered, so that a refusal names the right one."""

import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from kernel.plugin import LoadedPlugin

_WRITTEN_BY_HAND = ("handle", "work", "run", "kind", "fn", "parsed_fn")
"""Fields of registered things that hold a function or class of the plugin's own, which knows its file."""


def file_of(plugin: LoadedPlugin, item: Any) -> str | None:
    """Return the file of a plugin that defines an item; None if that cannot be told.

    A function or a class tells it itself. For anything else the modules that hold it are looked for: best is the one
    that has the name of its kind, such as `permissions`; `plugin.py`, which only hands it on, comes last.
    """
    for part in (item, *(getattr(item, name, None) for name in _WRITTEN_BY_HAND)):
        if (file := _own_file(part)) is not None and plugin.folder in Path(file).parents:
            return file
    usual = f"{type(item).__name__.lower()}s"
    holding = [str(module.__file__) for module in modules_of(plugin) if _holds(module, item)]
    return min(holding, key=lambda file: (file == plugin.file, Path(file).stem != usual, file), default=None)


def modules_of(plugin: LoadedPlugin) -> Iterator[ModuleType]:
    """Yield the modules of a plugin that are loaded."""
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if file is not None and plugin.folder in Path(file).parents:
            yield module


def _own_file(part: Any) -> str | None:
    if inspect.isclass(part):
        return getattr(sys.modules.get(part.__module__), "__file__", None)
    code = getattr(inspect.unwrap(part), "__code__", None) if isinstance(part, Callable) else None  # type: ignore[arg-type]
    return None if code is None else str(code.co_filename)


def _holds(module: ModuleType, item: Any) -> bool:
    return any(
        value is item or (isinstance(value, list | tuple) and any(each is item for each in value))
        for value in vars(module).values()
    )
