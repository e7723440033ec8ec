"""Plugins as packages on disk, for tests of what names files: written, imported, and forgotten afterwards."""

import sys
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module, invalidate_caches
from itertools import count
from pathlib import Path
from types import MappingProxyType

import pytest

from kernel.plugin import LoadedPlugin
from kernel.tables import metadata

WritePlugin = Callable[..., LoadedPlugin]
NONE: Mapping[str, str] = MappingProxyType({})
_numbers = count(1)
_MANIFEST = """
from kernel.hookspecs import hookimpl
from kernel.plugin import Plugin

PLUGIN = Plugin(name="{name}", version="1.0.0", kernel=">=1,<2", requires={requires}, summary="Written by a test.")
"""
_HOOK = """
from {module} import {value} as {hook}_value


@hookimpl
def {hook}():
    return {hook}_value
"""


@pytest.fixture
def write_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WritePlugin]:
    """A function that writes a plugin and loads it.

    It takes files with their texts, in which NAME stands for the plugin's name, and hooks, each with what it returns
    as `module:value`.
    """
    monkeypatch.syspath_prepend(str(tmp_path))
    made: list[str] = []

    def write(
        files: Mapping[str, str] = NONE, hooks: Mapping[str, str] = NONE, requires: tuple[str, ...] = ()
    ) -> LoadedPlugin:
        name = f"written{next(_numbers)}"
        made.append(name)
        manifest = [_MANIFEST.format(name=name, requires=requires)]
        for hook, place in hooks.items():
            where, _, value = place.partition(":")
            manifest.append(_HOOK.format(module=f"{name}.{where}", value=value, hook=hook))
        for path, text in {"__init__.py": "", **files, "plugin.py": "".join(manifest)}.items():
            file = tmp_path / name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text.replace("NAME", name))
        invalidate_caches()
        module = import_module(f"{name}.plugin")
        return LoadedPlugin(module.PLUGIN, module)

    yield write
    for table in [each for each in metadata.tables.values() if each.schema in made]:
        metadata.remove(table)
    for name in made:
        for loaded in [each for each in sys.modules if each.partition(".")[0] == name]:
            del sys.modules[loaded]
