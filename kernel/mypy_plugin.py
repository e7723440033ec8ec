"""Teaches mypy that `Base = table_base("courses")` makes a class, which a type checker does not see by itself.

Named under `plugins` in mypy's settings, of this project and of whoever writes plugins for it. Imported by mypy alone.
"""

from collections.abc import Callable

from mypy.nodes import GDEF, SymbolTableNode, TypeInfo
from mypy.plugin import DynamicClassDefContext, Plugin
from mypy.types import Instance


class TableBases(Plugin):
    """Knows `kernel.tables.table_base`."""

    def get_dynamic_class_hook(self, fullname: str) -> Callable[[DynamicClassDefContext], None] | None:
        """Return what stands for a call of this name."""
        return _make_class if fullname == "kernel.tables.table_base" else None


def _make_class(context: DynamicClassDefContext) -> None:
    found = context.api.lookup_fully_qualified_or_none("kernel.tables.TenantTable")
    if found is None or not isinstance(found.node, TypeInfo):
        context.api.defer()
        return
    made = context.api.basic_new_typeinfo(context.name, Instance(found.node, []), context.call.line)
    context.api.add_symbol_table_node(context.name, SymbolTableNode(GDEF, made))


def plugin(_version: str) -> type[Plugin]:
    """Return the plugin for a version of mypy."""
    return TableBases
