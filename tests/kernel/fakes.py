"""Plugins for the tests of the boot checks: modules made on the spot, whose hooks give what they are told."""

from collections.abc import Callable, Sequence
from itertools import count
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest
from litestar import get

from kernel.auth import public
from kernel.hookspecs import hookimpl
from kernel.keys import Keyring
from kernel.plugin import LoadedPlugin, Plugin, PluginError
from kernel.registry import load_registry

KEYRING = Keyring(["a key for tests only long enough for that 0123456789"])


def hook(name: str, answer: Any) -> Callable[[], Any]:
    """Return a marked implementation that gives this answer, or raises it."""

    def implementation() -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    implementation.__name__ = name
    return hookimpl(implementation)


def fake(
    name: str = "codes", *, needs: Sequence[str] = (), kernel: str = ">=1,<2", essential: bool = False, **hooks: Any
) -> LoadedPlugin:
    """Return a plugin whose hooks give these answers."""
    module = ModuleType(f"{name}.plugin")
    module.__file__ = f"/site/{name}/plugin.py"
    for each, answer in hooks.items():
        vars(module)[each] = hook(each, answer)
    manifest = Plugin(
        name=name, version="1.0.0", kernel=kernel, requires=tuple(needs), summary="Fake.", essential=essential
    )
    return LoadedPlugin(manifest, module)


_numbers = count(1)


def route(
    path: str = "/codes",
    guards: Sequence[Any] = (public,),
    method: Any = get,
    name: str = "codes",
    operation_id: str | None = "",
    **options: Any,
) -> Any:
    """Return a handler, with an operation id of its own unless one is given."""
    operation = f"{name}_{next(_numbers)}" if operation_id == "" else operation_id

    async def handler(code_id: UUID | None = None) -> None: ...

    handler.__name__ = name
    return method(path, guards=list(guards), status_code=200, operation_id=operation, opt=options)(handler)


def refusal(*plugins: LoadedPlugin) -> str:
    """Return the sentence with which these plugins are refused."""
    with pytest.raises(PluginError) as error:
        load_registry(plugins)
    return str(error.value)
