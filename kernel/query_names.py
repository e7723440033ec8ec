"""Which parameters a query may have: those that its handler takes, so that a misspelt one is an error."""

import re
from urllib.parse import parse_qsl

from litestar.handlers import HTTPRouteHandler
from litestar.params import HeaderParameter

from kernel.errors import FieldError, Invalid

_IN_PATH = re.compile(r"\{(\w+)")


class QueryNames:
    """Knows for each handler the names that it takes."""

    def __init__(self) -> None:
        self._known: dict[int, frozenset[str] | None] = {}

    def check(self, query: bytes, handler: HTTPRouteHandler) -> None:
        """Refuse a name that the handler does not take, and the character NUL.

        Raises:
            Invalid: With the name.
        """
        known = self._of(handler)
        if b"%00" in query:
            raise Invalid("A parameter must not contain the character NUL.")
        if known is None:
            return
        for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
            if name not in known:
                raise Invalid(errors=[FieldError(name, "There is no such parameter.")])

    def _of(self, handler: HTTPRouteHandler) -> frozenset[str] | None:
        """Return the names that the handler takes; None if it reads the query itself."""
        if id(handler) not in self._known:
            self._known[id(handler)] = _names(handler)
        return self._known[id(handler)]


def _names(handler: HTTPRouteHandler) -> frozenset[str] | None:
    names: set[str] = set()
    elsewhere = {"data", *handler.resolve_dependencies(), *_IN_PATH.findall("".join(handler.paths))}
    for name, field in handler.parsed_fn_signature.parameters.items():
        if name in ("request", "query"):
            return None
        definition = field.kwarg_definition
        if name not in elsewhere and not isinstance(definition, HeaderParameter):
            names.add(getattr(definition, "name", None) or getattr(definition, "query", None) or name)
    return frozenset(names)
