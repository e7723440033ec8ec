"""The catalogue names everything that our plugins and the kernel offer, each with a sentence."""

from typing import ClassVar

import pytest

from kernel.events import Event
from kernel.plugin import discover
from kernel.reference import reference, without_sentence
from kernel.registry import Registry, load_registry
from tests.kernel.fakes import fake


@pytest.fixture(scope="module")
def registry() -> Registry:
    """Every installed plugin."""
    return load_registry(discover())[0]


def test_everything_says_what_it_is(registry: Registry) -> None:
    assert without_sentence(registry) == []


def test_everything_is_in_the_catalogue(registry: Registry) -> None:
    text = reference(registry)
    names = [
        *(plugin.name for plugin in registry.plugins),
        *(permission.name for permission in registry.permissions),
        *(event.name for event in registry.events),
        *(task.name for task in registry.tasks),
        *(f"collegium {command.name}" for command in registry.commands),
        *registry.mail_templates,
        *registry.offered_hooks,
        "register_routes",
        "seed_demo",
        "kernel.not_found",
        "courses.full",
        "security.rate_limits.api_per_minute",
    ]

    assert [name for name in names if f"`{name}`" not in text] == []


class Wordless(Event, frozen=True):  # noqa: D101 - that is the point
    name: ClassVar[str] = "codes.code.moved"


def test_what_says_nothing_is_seen() -> None:
    assert without_sentence(load_registry([fake(register_events=[Wordless])])[0]) == ["Events: `codes.code.moved`"]
