"""What a tenant chose, between the database and the Structs: read tolerantly, changed strictly, secrets encrypted.

Pure: the stored values come in and go out. Which settings there are is said by `SettingsSpec` (`kernel.settings`); who
may change them and how it is written, by `kernel.tenants`.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

import msgspec

from kernel.errors import FieldError, Invalid
from kernel.keys import DecryptionFailed, Keyring
from kernel.problems import field_error
from kernel.settings import SettingsSpec
from kernel.shapes import Shape, struct_shape

S = TypeVar("S", bound=msgspec.Struct)
MASK = "***"
"""Stands for a secret wherever it is shown; sent back, it leaves the secret as it is."""

_GIVE_AGAIN = "Give it again: it would be sent to another server than the one that it was given for."
_NO_FIELD = "There is no such field."
_Path = tuple[str, ...]


class Secrets:
    """Encrypts the secrets of one tenant's settings, each bound to its tenant and place."""

    def __init__(self, keyring: Keyring, tenant_id: UUID) -> None:
        self._keyring = keyring
        self._tenant_id = tenant_id

    def seal(self, path: _Path, text: str) -> str:
        """Return the form in which a secret is stored."""
        return self._keyring.encrypt("settings", text.encode(), self._context(path))

    def open(self, path: _Path, sealed: str) -> str:
        """Return the secret.

        Raises:
            DecryptionFailed: It was stored elsewhere, or under a key that is gone.
        """
        return self._keyring.decrypt("settings", sealed, self._context(path)).decode()

    def is_newest(self, sealed: str) -> bool:
        """Whether the newest key encrypted this."""
        return self._keyring.is_newest(sealed)

    def _context(self, path: _Path) -> bytes:
        return f"{self._tenant_id}:{'.'.join(path)}".encode()


class _Fit(NamedTuple):
    """A stored value that fits: with its secrets opened, and as stored."""

    opened: Any
    stored: Any


def read(spec: SettingsSpec, kind: type[S], stored: Any, secrets: Secrets) -> tuple[S, list[str]]:
    """Return a category as its Struct, and the places where something stored does not fit: those are at their default.

    So an upgrade that narrows a setting changes that setting, and does not fail every request of the tenant.
    """
    misfits: list[FieldError] = []
    fit = _fitting(struct_shape(kind), stored, (spec.category,), secrets, misfits)
    return (msgspec.convert(fit.opened, kind) if fit else kind()), [each.field for each in misfits]


def _fitting(shape: Shape, value: Any, path: _Path, secrets: Secrets, misfits: list[FieldError]) -> _Fit | None:
    """Return what fits of a stored value; None if nothing does."""
    if shape.takes_null and value is None:
        return _Fit(None, None)
    try:
        if shape.fields or shape.entries:
            return _fitting_parts(shape, value, path, secrets, misfits)
        # No secret is an empty text, which needs no hiding.
        opened = secrets.open(path, value) if shape.is_secret and value != "" else value
        msgspec.convert(opened, shape.annotation)
    except (msgspec.ValidationError, DecryptionFailed, AttributeError) as error:
        misfits.append(_error(path, error))
        return None
    return _Fit(opened, value)


def _fitting_parts(shape: Shape, value: Any, path: _Path, secrets: Secrets, misfits: list[FieldError]) -> _Fit | None:
    fit = _Fit({}, {})
    for name, part in value.items():
        below = shape.entries or shape.fields.get(name)
        if below is None:
            misfits.append(FieldError(".".join((*path, name)), _NO_FIELD))
        elif within := _fitting(below, part, (*path, name), secrets, misfits):
            fit.opened[name], fit.stored[name] = within
    while error := _refusal(shape, fit.opened, path):
        misfits.append(error)
        culprit = error.field.rpartition(".")[2]
        if culprit not in fit.opened:
            return None
        # Without it the rest may go together.
        del fit.opened[culprit], fit.stored[culprit]
    return fit


def _refusal(shape: Shape, opened: Any, path: _Path) -> FieldError | None:
    """Return what is wrong with parts that fit one by one."""
    try:
        msgspec.convert(opened, shape.annotation)
    except msgspec.ValidationError as error:
        found = _error(path, error)
        name, colon, sentence = found.message.partition(": ")
        known = bool(colon) and name in shape.fields
        return FieldError(".".join((*path, name)), sentence) if known else found
    return None


def changed(spec: SettingsSpec, stored: Any, change: Any, secrets: Secrets) -> dict[str, Any]:
    """Return what is to be stored once a change is merged into what is stored (RFC 7396).

    An absent field stays as it is; null brings its default back, or is itself stored where it is a value of the field;
    `***` leaves a secret as it is, unless it would now be sent elsewhere: then it must be given again, or whoever may
    change settings could read it there. What no longer fitted is gone with the first change of its category.

    Args:
        spec: The category.
        stored: Its values as stored.
        change: The values to change, as decoded JSON.
        secrets: Of the tenant.

    Raises:
        Invalid: Names every field that is wrong, such as `mail.smtp.port`.
    """
    shape, path = struct_shape(spec.kind), (spec.category,)
    errors: list[FieldError] = []
    before = _fitting(shape, stored, path, secrets, [])
    known: dict[str, Any] = before.stored if before else {}
    merged: dict[str, Any] = _merged(shape, known, change, path, secrets, errors)
    if not errors:
        errors += _led_elsewhere(shape, known, merged, path)
    if not errors:
        # Once more as a whole, for what the Structs say of fields that do not go together.
        _fitting(shape, merged, path, secrets, errors)
    if errors:
        raise Invalid(errors=errors)
    return merged


def _merged(shape: Shape, before: Any, change: Any, path: _Path, secrets: Secrets, errors: list[FieldError]) -> Any:
    if shape.fields or shape.entries:
        if isinstance(change, Mapping):
            return _merged_parts(shape, before, change, path, secrets, errors)
        errors.append(FieldError(".".join(path), "Expected an object."))
        return before
    try:
        msgspec.convert(change, shape.annotation)
    except msgspec.ValidationError as error:
        errors.append(_error(path, error))
        return before
    return secrets.seal(path, change) if shape.is_secret and change else change


def _merged_parts(
    shape: Shape, before: Any, change: Mapping[str, Any], path: _Path, secrets: Secrets, errors: list[FieldError]
) -> dict[str, Any]:
    merged = dict(before or {})
    for name, part in change.items():
        below = shape.entries or shape.fields.get(name)
        if below is None:
            errors.append(FieldError(".".join((*path, name)), _NO_FIELD))
        elif part is None:
            merged.pop(name, None)
            if below.takes_null:
                merged[name] = None
        elif not (below.is_secret and part == MASK):
            merged[name] = _merged(below, merged.get(name), part, (*path, name), secrets, errors)
    return merged


def _led_elsewhere(shape: Shape, before: Any, after: Any, path: _Path) -> Iterable[FieldError]:
    """Yield each secret that stays the same while what says where it is sent has changed."""
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        return
    destinations = [name for name, each in shape.fields.items() if each.is_destination]
    is_led = any(after.get(name) and after[name] != before.get(name) for name in destinations)
    for name, value in after.items():
        below = shape.entries or shape.fields[name]
        if is_led and below.is_secret and value and value == before.get(name):
            yield FieldError(".".join((*path, name)), _GIVE_AGAIN)
        yield from _led_elsewhere(below, before.get(name), value, (*path, name))


def _error(path: _Path, error: Exception) -> FieldError:
    found = field_error(str(error))
    inner = found.field if not found.field or found.field.startswith("[") else f".{found.field}"
    return FieldError(".".join(path) + inner, found.message)


def mapped_secrets(spec: SettingsSpec, stored: Any, change: Callable[[_Path, str], str]) -> Any:
    """Return the stored values of a category with each encrypted secret replaced by what `change` makes of it.

    Args:
        spec: The category.
        stored: Its values as stored; what does not fit its Struct stays as it is.
        change: Gets the place and the encrypted secret.
    """
    return _mapped(struct_shape(spec.kind), stored, (spec.category,), change)


def _mapped(shape: Shape, value: Any, path: _Path, change: Callable[[_Path, str], str]) -> Any:
    if shape.is_secret:
        return change(path, value) if isinstance(value, str) and value else value
    if not isinstance(value, Mapping) or not (shape.fields or shape.entries):
        return value
    mapped = dict(value)
    for name, part in value.items():
        below = shape.entries or shape.fields.get(name)
        if below is not None:
            mapped[name] = _mapped(below, part, (*path, name), change)
    return mapped


def shown(spec: SettingsSpec, chosen: msgspec.Struct) -> dict[str, Any]:
    """Return every value of a category, defaults filled in, each secret that there is as `***`."""
    values: dict[str, Any] = _masked(struct_shape(spec.kind), msgspec.to_builtins(chosen))
    return values


def masked(spec: SettingsSpec, stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return the stored values of a category for the audit log, each secret as `***`."""
    values: dict[str, Any] = _masked(struct_shape(spec.kind), stored)
    return values


def _masked(shape: Shape, value: Any) -> Any:
    if shape.is_secret:
        return MASK if value else value
    if isinstance(value, Mapping) and (shape.fields or shape.entries):
        parts = ((name, shape.entries or shape.fields.get(name), part) for name, part in value.items())
        return {name: _masked(below, part) for name, below, part in parts if below is not None}
    return value
