"""How templates are compiled, so that a page costs little more than the values that it shows.

What a template says whoever asks (its words in the language, addresses of files, components that get nothing but such)
is drawn when it is compiled. A component, that is a macro of an imported template, sees its arguments alone, so that
what it drew for the same arguments is used again. Neither can become stale: what is remembered depends on nothing else.
"""

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from types import NoneType
from typing import Any
from uuid import UUID

from babel.support import NullTranslations
from jinja2 import Environment, Template, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.environment import TemplateModule

# As compiled templates import them: `jinja2.runtime.exported` names both.
from jinja2.runtime import Context, Macro, Markup, escape  # type: ignore[attr-defined]
from jinja2.utils import missing
from jinja2.visitor import NodeTransformer

COMPONENTS = {"ui": "portal/ui.html"}
"""The names by which every template finds components without importing them."""
_WORDS = frozenset({"_", "gettext"})
_MOST_DRAWN = 200_000
"""How many characters of what a component drew are kept; what was drawn first is forgotten first."""
_PLAIN = frozenset({str, Markup, int, float, bool, NoneType, type(missing)})
"""Kinds of arguments of which two that are equal are shown alike."""


class Component(Macro):
    """A macro that takes the short way, and one of an imported template that remembers what it drew."""

    drawn: dict[tuple[Any, ...], Markup] | None = None
    kept = 0

    def __call__(self, *args: Any, **kwargs: Any) -> str:
        """Draw it."""
        caller = kwargs.pop("caller", None) if not self.explicit_caller else None
        values = self._values(args, kwargs)
        if values is None or self.catch_kwargs or self.catch_varargs or (caller is not None and not self.caller):
            if caller is not None:
                kwargs["caller"] = caller
            return super().__call__(*args, **kwargs)
        if self.drawn is None or caller is not None:
            return self._draw(values, caller)
        key = _key(values)
        if key is None:
            return self._draw(values, caller)
        found = self.drawn.get(key)
        if found is None:
            found = self.drawn[key] = self._draw(values, caller)
            self.kept += len(found)
            while self.kept > _MOST_DRAWN:
                self.kept -= len(self.drawn.pop(next(iter(self.drawn))))
        return found

    def _values(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[Any] | None:
        """Return a value for each argument; None where the long way knows what is wrong."""
        given = len(args)
        if given > self._argument_count:
            return None
        values = [*args, *[missing] * (self._argument_count - given)]
        for name, value in kwargs.items():
            if name not in self.arguments or (place := self.arguments.index(name)) < given:
                return None
            values[place] = value
        return values

    def _draw(self, values: list[Any], caller: Any) -> Markup:
        if self.caller and not self.explicit_caller:
            values.append(self._environment.undefined("No caller defined", name="caller") if caller is None else caller)
        return str.__new__(Markup, self._func(*values))


def _key(values: Sequence[Any]) -> tuple[Any, ...] | None:
    """Return what tells these arguments from others; None where that cannot be told."""
    key: list[Any] = []
    for value in values:
        kind = type(value)
        if kind in _PLAIN:
            key += (kind, value)
        elif isinstance(value, UUID):
            # The database's driver has a kind of its own, which is shown alike.
            key += (UUID, value)
        elif kind is dict or kind is list or kind is tuple:
            inner = _key([*value, *value.values()] if kind is dict else value)
            if inner is None:
                return None
            key += (kind, inner)
        else:
            return None
    return tuple(key)


def _shown(value: Any) -> str:
    """Return a value as HTML shows it."""
    return value if type(value) is Markup else escape(value)


class _Generator(CodeGenerator):
    """Calls what a template names directly: a method, or a macro, none of which asks for the context."""

    def visit_Call(self, node: nodes.Call, frame: Frame, forward_caller: bool = False) -> None:  # noqa: N802
        called = node.node
        is_direct = isinstance(called, nodes.Getattr) or (isinstance(called, nodes.Name) and called.name == "caller")
        if not is_direct or node.dyn_args or node.dyn_kwargs or any(each.key == "class" for each in node.kwargs):
            super().visit_Call(node, frame, forward_caller=forward_caller)
            return
        self.visit(called, frame)
        self.write("(")
        for each in (*node.args, *node.kwargs):
            self.visit(each, frame)
            self.write(", ")
        self.write("caller=caller)" if forward_caller else ")")


class _Folding(NodeTransformer):
    """Puts what is known already in place of what says it."""

    def __init__(self, environment: "PageEnvironment", name: str | None, tree: nodes.Template) -> None:
        self._environment = environment
        imports = {
            each.target: each.template.value
            for each in tree.find_all(nodes.Import)
            if isinstance(each.template, nodes.Const) and not each.with_context
        }
        known = {**COMPONENTS, **imports}
        stored = {each.name for each in tree.find_all(nodes.Name) if each.ctx != "load"}
        self._modules = {each: path for each, path in known.items() if path != name and each not in stored}
        self._hidden = stored | {each.name for each in tree.find_all(nodes.Macro)}

    def visit_CallBlock(self, node: nodes.CallBlock) -> nodes.Node:  # noqa: N802
        # What stands in the block is no argument, so its call is no whole one.
        self.generic_visit(node.call)
        for name in ("args", "defaults", "body"):
            setattr(node, name, [self.visit(each) for each in getattr(node, name)])
        return node

    def visit_Call(self, node: nodes.Call) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        if node.dyn_args or node.dyn_kwargs:
            return node
        try:
            args = [each.as_const() for each in node.args]
            kwargs = {each.key: each.value.as_const() for each in node.kwargs}
        except nodes.Impossible:
            return node
        make = self._known(node.node, is_plain=len(args) == 1 and not kwargs)
        return node if make is None else nodes.Const(make(*args, **kwargs), lineno=node.lineno)

    def _known(self, called: nodes.Expr, *, is_plain: bool) -> Callable[..., Any] | None:
        """Return what can be called now as well as later."""
        if isinstance(called, nodes.Name) and called.name not in self._hidden:
            if called.name in _WORDS and is_plain:
                return self._environment.word
            return self._environment.globals["asset"] if called.name == "asset" else None  # type: ignore[return-value]
        if isinstance(called, nodes.Getattr) and isinstance(called.node, nodes.Name):
            path = self._modules.get(called.node.name)
            if path is not None and path not in self._environment.under_way:
                module = self._environment.get_template(path)._get_default_module()
                component = getattr(module, called.attr, None)
                return component if isinstance(component, Component) else None
        return None


class _PageTemplate(Template):
    """A template whose macros are components."""

    @classmethod
    def _from_namespace(
        cls,
        environment: Environment,
        namespace: MutableMapping[str, Any],
        globals: MutableMapping[str, Any],  # noqa: A002
    ) -> "Template":
        # What the compiled code finds by these names.
        namespace.update(Macro=Component, escape=_shown)
        return super()._from_namespace(environment, namespace, globals)

    def _get_default_module(self, ctx: Context | None = None) -> TemplateModule:
        is_new = self._module is None
        module = super()._get_default_module(ctx)
        if is_new and module is self._module:
            for each in vars(module).values():
                if isinstance(each, Component):
                    each.drawn = {}
        return module


class PageEnvironment(Environment):
    """The templates of a deployment in one language."""

    code_generator_class = _Generator
    template_class = _PageTemplate

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.under_way: set[str | None] = set()
        """The templates that are being compiled."""

    def word(self, text: str) -> Markup:
        """Return a text in the language that has no places for values."""
        texts: NullTranslations = self.globals["texts"]  # type: ignore[assignment]
        # As Jinja does: what stands in the templates and catalogues is ours.
        return Markup(texts.gettext(text)) % {}

    def _generate(
        self, source: nodes.Template, name: str | None, filename: str | None, defer_init: bool = False
    ) -> str:
        self.under_way.add(name)
        try:
            source = _Folding(self, name, source).visit(source)
        finally:
            self.under_way.discard(name)
        return super()._generate(source, name, filename, defer_init)
