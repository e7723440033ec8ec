"""The page of settings says what the code says: those of the deployment and of a tenant; each preset starts."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from kernel.app import create_app, create_deployment, served
from kernel.plugin import discover
from kernel.registry import load_registry
from kernel.settings import PREFIX, Settings, SettingsSpec, load_settings
from kernel.shapes import Shape, struct_shape

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "settings.md").read_text()
PRESETS = sorted((ROOT / "config").glob("*.toml"))
OUR_OWN = {"embedded_stack"}
"""Set by the server itself."""


def shown(value: Any) -> str:
    """Return a default as the page writes it."""
    if value in ("", (), {}, None):
        return ""
    return f"`{value if isinstance(value, str) else msgspec.json.encode(value).decode()}`"


def rows_of(spec: SettingsSpec) -> Iterator[str]:
    """Yield the rows of one category: path, default, what it is."""
    yield from _rows(spec.category, spec.kind(), struct_shape(spec.kind))


def _rows(path: str, value: Any, shape: Shape) -> Iterator[str]:
    for field in msgspec.structs.fields(type(value)):
        below, name = shape.fields[field.encode_name], f"{path}.{field.encode_name}"
        default = getattr(value, field.name)
        if below.fields:
            yield from _rows(name, default, below)
        else:
            secret = " Secret." if below.is_secret else ""
            yield f"| `{name}` | {shown(default)} | {_description(type(value), field.encode_name)}{secret} |"


def _description(kind: type[msgspec.Struct], name: str) -> str:
    schema = msgspec.json.schema(kind)
    described = schema["$defs"][kind.__name__]["properties"][name].get("description", "")
    assert described, f"{kind.__name__}.{name} has no description, which its form and the page would show"
    return str(described)


def table_below(title: str) -> list[str]:
    """Return the rows of the table below a heading of the page."""
    section = PAGE.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]
    return [line for line in section.splitlines() if line.startswith("| `")]


def test_every_deployment_setting_is_on_the_page() -> None:
    rows = table_below("Of the deployment")
    told = dict(re.match(r"\| `(\w+)` \| (.*?) \|", row).groups() for row in rows)  # type: ignore[union-attr,misc]
    fields = [field for field in msgspec.structs.fields(Settings) if field.name not in OUR_OWN]

    assert told == {
        PREFIX + field.name.upper(): shown(str(field.default) if isinstance(field.default, Path) else field.default)
        for field in fields
    }


def test_every_setting_of_a_tenant_is_on_the_page() -> None:
    registry, _ = load_registry(discover())

    assert table_below("Of a tenant") == [row for spec in registry.settings for row in rows_of(spec)]


def test_there_are_presets() -> None:
    assert [path.stem for path in PRESETS] == ["development", "full", "phase1", "phase2"]


@pytest.mark.parametrize("preset", PRESETS, ids=lambda path: path.stem)
async def test_preset_starts(preset: Path, settings: Settings, database: str) -> None:
    needed = ("_URL", "SECRET_KEYS", "MAIL_FROM", "DATA_DIR")
    places = {name: value for name, value in settings.environment().items() if name.endswith(needed)}

    chosen = load_settings(environment={**places, "COLLEGIUM_CONFIG": str(preset)})
    app = create_app(create_deployment(chosen))
    deployment = app.state.deployment
    async with app.lifespan(), httpx.AsyncClient(transport=httpx.ASGITransport(app=served(app))) as client:
        ready = await client.get("http://x.test/health/ready")

    assert (ready.status_code, deployment.set_aside) == (200, {})
    loaded = {plugin.name for plugin in deployment.registry.plugins}
    assert loaded == set(chosen.plugins or [plugin.name for plugin in discover()])
    assert loaded >= {"auth", "admin", "media", "courses", "codes"}
    assert "/api/v1/settings" in app.openapi_schema.to_schema()["paths"]
