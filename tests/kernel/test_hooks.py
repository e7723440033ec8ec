"""Hooks that plugins offer each other: who may contribute, what is taken, and what a slip of the pen leads to."""

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import msgspec
import pytest

from kernel.hookspecs import hookimpl, hookspec
from kernel.ids import new_id
from kernel.plugin import Contribution, LoadedPlugin
from kernel.registry import load_registry
from kernel.tenancy import Tenant, TenantRow
from tests.kernel.fakes import KEYRING, fake, refusal

PLACE = "Plugin 'files' (/site/files/hookspecs.py): "


class Section(msgspec.Struct, frozen=True):
    """A part of a file."""

    name: str
    title: str


class Colour(msgspec.Struct, frozen=True):
    """Something without a name."""

    value: str


@hookspec
def register_file_sections() -> Sequence[Section]:  # type: ignore[empty-body]
    """Return the sections of a file."""


@hookspec
def register_colours() -> Sequence[Colour]:  # type: ignore[empty-body]
    """Return colours."""


def offering(*specifications: Callable[..., Any], name: str = "files", **hooks: Any) -> LoadedPlugin:
    """Return a plugin that offers these hooks."""
    module = ModuleType(f"{name}.hookspecs")
    module.__file__ = f"/site/{name}/hookspecs.py"
    vars(module).update({each.__name__: each for each in specifications})
    return fake(name, register_hookspecs=module, **hooks)


def optional(plugin: LoadedPlugin, **hooks: Any) -> LoadedPlugin:
    """Add hooks to a plugin that are inert where nobody offers them."""
    for name, answer in hooks.items():
        vars(plugin.module)[name] = hookimpl(optionalhook=True)(lambda answer=answer: answer)
        vars(plugin.module)[name].__name__ = name
    return plugin


FILES = offering(register_file_sections, register_colours)
INTRO = Section("codes.intro", "Introduction")


def test_contributions_come_in_the_order_of_the_plugins_and_of_each_list() -> None:
    blog = optional(fake("blog"), register_file_sections=[Section("blog.posts", "Posts"), Section("blog.a", "A")])
    codes = fake("codes", needs=["files"], register_file_sections=[INTRO])

    registry, _ = load_registry([codes, blog, FILES])

    assert registry.offered_hooks == {"register_file_sections": "files", "register_colours": "files"}
    assert registry.contributions("register_file_sections") == (
        Contribution("blog", Section("blog.posts", "Posts")),
        Contribution("blog", Section("blog.a", "A")),
        ("codes", INTRO),
    )
    assert registry.contributions("register_colours") == ()


def test_contribution_is_inert_where_nobody_offers_the_hook() -> None:
    codes = optional(fake("codes"), register_file_sections=[INTRO])

    registry, _ = load_registry([codes])

    assert registry.offered_hooks == {}
    with pytest.raises(LookupError, match="no loaded plugin offers the hook 'register_file_sections'"):
        registry.contributions("register_file_sections")


def test_contribution_may_be_the_fields_alone_for_whoever_must_not_import_the_class() -> None:
    codes = optional(fake("codes"), register_file_sections=[{"name": "codes.intro", "title": "Introduction"}])

    registry, _ = load_registry([FILES, codes])

    assert registry.contributions("register_file_sections") == (("codes", INTRO),)


def test_tenant_gets_what_acting_plugins_contributed() -> None:
    plugins = [FILES, *(optional(fake(name), register_colours=[Colour(name)]) for name in ("blog", "codes"))]
    registry, _ = load_registry(plugins)
    row = TenantRow(new_id(), "slug", "Name", True, ["files", "codes"], {}, 1, None)

    tenant = Tenant(row, registry.acting(row.plugins), (), registry.contributions, keyring=KEYRING)

    assert tenant.contributions("register_colours") == (("codes", Colour("codes")),)


CODES = "Plugin 'codes' (/site/codes/plugin.py): "
BAD_CONTRIBUTIONS = {
    "wrong kind": (["intro"], "register_file_sections returned 'intro', which is no Section."),
    "no list": (None, "register_file_sections returned None, which is no list."),
    "unprefixed": (
        [Section("files.intro", "Introduction")],
        "register_file_sections: the name 'files.intro' must begin with 'codes.'.",
    ),
    "twice": ([INTRO, INTRO], "the item of register_file_sections 'codes.intro' is registered twice."),
}


@pytest.mark.parametrize(("given", "reason"), BAD_CONTRIBUTIONS.values(), ids=BAD_CONTRIBUTIONS)
def test_registry_refuses_a_contribution(given: Any, reason: str) -> None:
    codes = fake("codes", needs=["files"], register_file_sections=given)

    assert refusal(FILES, codes) == f"{CODES}{reason}"


def test_registry_refuses_fields_that_make_no_item() -> None:
    codes = optional(fake("codes"), register_file_sections=[{"name": "codes.intro"}])

    assert refusal(FILES, codes) == (
        f"{CODES}register_file_sections returned {{'name': 'codes.intro'}}, which makes no Section: "
        "Missing required argument 'title'."
    )


@pytest.mark.parametrize("misspelled", ["register_file_section", "register_file_setcions", "register_rotues"])
def test_registry_refuses_a_misspelled_optional_hook(misspelled: str) -> None:
    right = "register_routes" if misspelled == "register_rotues" else "register_file_sections"
    codes = optional(fake("codes"), **{misspelled: []})

    assert refusal(FILES, codes) == f"{CODES}there is no hook {misspelled!r}. Did you mean {right!r}?"


@pytest.mark.parametrize("other", ["register_files", "register_report_sources", "register_navigation"])
def test_registry_lets_an_optional_hook_of_an_absent_plugin_lie(other: str) -> None:
    load_registry([FILES, optional(fake("codes"), **{other: [1]})])


def test_registry_refuses_an_unknown_hook_that_is_not_optional() -> None:
    assert refusal(fake("codes", register_file_sections=[])).startswith(
        f"{CODES}there is no hook 'register_file_sections'; the hooks are register_commands, "
    )


def test_registry_asks_for_the_mark_where_the_offering_plugin_is_not_required() -> None:
    assert refusal(FILES, fake("codes", register_file_sections=[])) == (
        f"{CODES}the hook 'register_file_sections' is offered by 'files', which it does not require: mark it with "
        "@hookimpl(optionalhook=True)."
    )


def test_registry_refuses_a_hook_that_wraps() -> None:
    codes = fake("codes")

    @hookimpl(wrapper=True)
    def register_routes() -> Any:
        yield

    vars(codes.module)["register_routes"] = register_routes

    assert refusal(codes) == f"{CODES}register_routes wraps the hook, and hooks only return what a plugin registers."


@hookspec
def offer_sections() -> Sequence[Section]:  # type: ignore[empty-body]
    """Begin with the wrong word."""


@hookspec
def register_routes() -> Sequence[Section]:  # type: ignore[empty-body]
    """Have the name of a hook of the kernel."""


@hookspec
def register_any() -> list[Section]:  # type: ignore[empty-body]
    """Return something else than a Sequence."""


@hookspec
def register_lost() -> "Sequence[Nowhere]":  # type: ignore[name-defined,empty-body]  # noqa: F821
    """Return something unknown."""


@hookspec
def register_asked(user: str) -> Sequence[Section]:  # type: ignore[empty-body]
    """Take an argument."""


def unmarked() -> Sequence[Section]:
    """Be no hook."""
    return []


BAD_OFFERS: dict[str, tuple[Any, str]] = {
    "beginning": (offer_sections, "the hook 'offer_sections' must begin with 'register_'."),
    "the kernel's": (register_routes, "the hook 'register_routes' is one of the kernel already."),
    "no sequence": (register_any, "the hook 'register_any' must be declared to return Sequence[...] of one class."),
    "unknown class": (register_lost, "the hook 'register_lost' cannot be read: name 'Nowhere' is not defined."),
    "arguments": (register_asked, "the hook 'register_asked' takes arguments, and hooks are called with none."),
    "nothing": (unmarked, "it offers no hook: mark one with @hookspec."),
}


@pytest.mark.parametrize(("specification", "reason"), BAD_OFFERS.values(), ids=BAD_OFFERS)
def test_registry_refuses_what_cannot_be_offered(specification: Any, reason: str) -> None:
    assert refusal(offering(specification)) == f"{PLACE}{reason}"


def test_registry_refuses_a_hook_that_two_plugins_offer() -> None:
    first, second = (offering(register_colours, name=name) for name in ("files", "paint"))

    assert refusal(first, second) == (
        "Plugin 'paint' (/site/paint/hookspecs.py): the hook 'register_colours' is one of files already."
    )


def test_registry_refuses_hookspecs_that_are_no_module() -> None:
    assert refusal(fake(register_hookspecs=[register_colours])).startswith(f"{CODES}register_hookspecs returned [")


def test_registry_refuses_a_contribution_that_wants_arguments() -> None:
    codes = fake("codes", needs=["files"])

    def register_file_sections(user: str) -> list[Section]:
        return []

    vars(codes.module)["register_file_sections"] = hookimpl(register_file_sections)

    assert refusal(FILES, codes).startswith(f"{CODES}its hooks cannot be registered: ")
