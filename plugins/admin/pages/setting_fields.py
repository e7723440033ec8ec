"""The form of a category of settings, made of the JSON schema that the API serves: a field for each value.

Pure. What a field is called and which rules it has stand with the setting (`title`, `description`, `format`, bounds);
how it is drawn stands in `admin/setting_fields.html`.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct

from plugins.admin.schemas import SettingsCategory

Widget = Literal[
    "text", "long", "number", "switch", "choice", "choices", "lines", "secret", "colour", "picture", "email", "group",
    "entries", "json",
]  # fmt: skip
_FORMATS: Mapping[str, Widget] = {"password": "secret", "color": "colour", "uri-reference": "picture", "email": "email"}
_LONG_TEXT = 1000
_MEBIBYTE = 1024**2
_UNITS = (("_bytes", "MiB"), ("bytes_per_user", "MiB"), ("_days", "days"), ("_per_minute", "per minute"))
_SPELLED = {
    "a4": "A4", "hls": "HLS", "id": "ID", "oauth2": "OAuth 2", "oidc": "OpenID Connect",
    "starttls": "STARTTLS", "tls": "TLS",
}  # fmt: skip


class SettingField(Struct, frozen=True, kw_only=True):
    """One value, or several that belong together.

    Args:
        path: `category.name`, as errors of the API name it.
        label: In English, as the catalogues translate it.
        hint: Likewise; may be empty.
        value: As the API shows it: a secret that there is as `***`.
        options: Of a choice, each with its words.
        unit: What a number counts.
        times: By what the number that is shown is multiplied: sizes are shown in MiB.
        is_locked: Only an operator may change it.
        fields: Of a group.
        entries: Of a mapping, by name; `fields` are then those of a new one.
    """

    path: str
    label: str
    hint: str
    widget: Widget
    value: Any = None
    options: Sequence[tuple[str, str]] = ()
    minimum: int | float | None = None
    maximum: int | float | None = None
    unit: str = ""
    times: int = 1
    is_locked: bool = False
    fields: Sequence["SettingField"] = ()
    entries: Mapping[str, Sequence["SettingField"]] = {}


def fields_of(
    category: SettingsCategory,
    values: Mapping[str, Any],
    *,
    is_operator: bool,
    choices: Mapping[str, Mapping[str, str]],
) -> list[SettingField]:
    """Return the fields of a category's form.

    Args:
        category: With its schema.
        values: As the API shows them.
        is_operator: Whether the fields of operators may be changed.
        choices: What a text of a `format` is chosen from, where it is, each with its words.
    """
    drawing = _Drawing(category.schema["$defs"], choices)
    locked = () if is_operator else category.operator
    return drawing.fields(category.schema, category.category, values, locked)


class _Drawing(Struct, frozen=True):
    """What every field of one form is made with."""

    kinds: Mapping[str, Any]
    choices: Mapping[str, Mapping[str, str]]

    def fields(
        self, schema: Mapping[str, Any], path: str, values: Mapping[str, Any], locked: Collection[str] = ()
    ) -> list[SettingField]:
        """Return a field for each property of an object."""
        properties = self._resolved(schema)["properties"]
        return [
            self._field(each, f"{path}.{name}", name, values.get(name, each.get("default")), is_locked=name in locked)
            for name, each in properties.items()
        ]

    def _field(self, schema: Mapping[str, Any], path: str, name: str, value: Any, *, is_locked: bool) -> SettingField:
        whole = {**self._resolved(schema), **schema}
        widget = self._widget(whole, name)
        unit = next((unit for ending, unit in _UNITS if name.endswith(ending)), "") if widget == "number" else ""
        return SettingField(
            path=path,
            label=schema.get("title") or spelled(name),
            hint=schema.get("description", ""),
            widget=widget,
            value=value,
            options=self._options(whole, value),
            minimum=whole.get("minimum"),
            maximum=whole.get("maximum"),
            unit=unit,
            times=_MEBIBYTE if unit == "MiB" else 1,
            is_locked=is_locked,
            fields=self._parts(whole, widget, path, value or {}),
            entries=self._entries(whole, path, value) if widget == "entries" else {},
        )

    def _widget(self, schema: Mapping[str, Any], name: str) -> Widget:
        kind, form = schema.get("type"), schema.get("format", "")
        if "enum" in schema or form in self.choices:
            return "choice"
        if form in _FORMATS:
            return _FORMATS[form]
        if kind == "object":
            return "group" if "properties" in schema else "entries" if self._has_entries(schema) else "json"
        if kind == "array":
            return "choices" if "enum" in schema.get("items", {}) else "lines"
        if kind in ("integer", "number"):
            return "number"
        if kind == "boolean":
            return "switch"
        return "long" if schema.get("maxLength", 0) >= _LONG_TEXT else "text" if kind == "string" else "json"

    def _has_entries(self, schema: Mapping[str, Any]) -> bool:
        below = schema.get("additionalProperties")
        return isinstance(below, Mapping) and "properties" in self._resolved(below)

    def _options(self, schema: Mapping[str, Any], value: Any) -> list[tuple[str, str]]:
        if (form := schema.get("format", "")) in self.choices:
            return sorted({**self.choices[form], value: self.choices[form].get(value, value)}.items())
        values = schema.get("enum") or schema.get("items", {}).get("enum", ())
        return [(each, spelled(each)) for each in values]

    def _parts(
        self, schema: Mapping[str, Any], widget: Widget, path: str, value: Mapping[str, Any]
    ) -> list[SettingField]:
        if widget == "group":
            return self.fields(schema, path, value)
        if widget == "entries":
            return self.fields(schema["additionalProperties"], f"{path}.*", {})
        return []

    def _entries(
        self, schema: Mapping[str, Any], path: str, value: Mapping[str, Any]
    ) -> dict[str, Sequence[SettingField]]:
        below = schema["additionalProperties"]
        return {name: self.fields(below, f"{path}.{name}", values) for name, values in value.items()}

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        reference = str(schema.get("$ref", ""))
        found: Mapping[str, Any] = self.kinds[reference.removeprefix("#/$defs/")] if reference else schema
        return found


def spelled(name: str) -> str:
    """Return a name of the code as words."""
    return _SPELLED.get(name) or name.replace("_", " ").capitalize()
