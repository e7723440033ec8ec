"""How the value of each setting is made: which parts it has, which of them are secret.

Read from the annotations of the settings Structs; what is done with it stands in `kernel.choices`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec

DESTINATION = msgspec.Meta(extra={"destination": True})
SECRET = msgspec.Meta(extra={"secret": True}, extra_json_schema={"writeOnly": True, "format": "password"})


@dataclass(frozen=True, slots=True)
class Shape:
    """One value of a tenant's settings.

    Args:
        annotation: What msgspec converts it to.
        is_secret: It is stored encrypted and never shown.
        is_destination: It says where the secrets beside it are sent.
        takes_null: None is a value of its own, not the wish for the default.
        fields: The parts of a Struct.
        entries: What stands under each name of a mapping; None if this is no mapping of Structs or secrets.
    """

    annotation: Any
    is_secret: bool = False
    is_destination: bool = False
    takes_null: bool = False
    fields: Mapping[str, "Shape"] = field(default_factory=dict)
    entries: "Shape | None" = None

    @property
    def has_secrets(self) -> bool:
        """Whether it is a secret or has one within."""
        within = [*self.fields.values(), *([self.entries] if self.entries else [])]
        return self.is_secret or any(each.has_secrets for each in within)


@cache
def struct_shape(kind: type[msgspec.Struct]) -> Shape:
    """Return the shape of a settings Struct.

    Raises:
        TypeError: A secret stands where it has no name of its own: in a list, or among other types.
    """
    return Shape(kind, fields={each.encode_name: _shape(each.type) for each in msgspec.structs.fields(kind)})


def _shape(annotation: Any) -> Shape:
    inner, marks = _bare(annotation)
    if get_origin(inner) in (Union, UnionType):
        options = [each for each in get_args(inner) if each is not NoneType]
        takes_null = NoneType in get_args(inner)
        if len(options) > 1:
            _refuse_secrets(inner, options)
            return Shape(annotation, takes_null=takes_null)
        return replace(_shape(options[0]), annotation=annotation, takes_null=takes_null)
    if any((mark.extra or {}).get("secret") for mark in marks):
        return Shape(annotation, is_secret=True)
    if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
        return Shape(annotation, fields=struct_shape(inner).fields)
    if get_origin(inner) in (dict, Mapping):
        entry = _shape(get_args(inner)[1])
        return Shape(annotation, entries=entry if entry.fields or entry.has_secrets else None)
    _refuse_secrets(inner, get_args(inner))
    return Shape(annotation, is_destination=any((mark.extra or {}).get("destination") for mark in marks))


def _bare(annotation: Any) -> tuple[Any, list[msgspec.Meta]]:
    """Return the type without its marks, and the marks of msgspec."""
    if get_origin(annotation) is not Annotated:
        return annotation, []
    inner, *marks = get_args(annotation)
    return inner, [mark for mark in marks if isinstance(mark, msgspec.Meta)]


def _refuse_secrets(where: Any, parts: Any) -> None:
    if any(_shape(each).has_secrets for each in parts if each is not Ellipsis and not isinstance(each, str)):
        raise TypeError(f"a secret in {where} has no name of its own; use a mapping by name instead")
