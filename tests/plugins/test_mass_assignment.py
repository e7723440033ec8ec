"""No request writes what the server decides: each such column, put into the body of each route, is refused by its name.

What a body may hold is its Struct; here stands which of the server's columns some Structs take on purpose. A new body
that takes one more of them fails, and so does one that would take unknown fields in silence.
"""

import re
from collections.abc import Iterator
from typing import Any

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import inspect

from kernel.auth import Requires, public, signed_in
from kernel.deployment import Deployment
from kernel.ids import new_id
from kernel.tables import metadata
from kernel.testing import Person, School

SERVERS_OWN = (
    "tenant_id", "id", "created_at", "updated_at", "version", "is_operator", "role", "status", "permissions", "plugins",
    "user_id", "author_id", "created_by", "instructor_id", "owner_id", "password_hash", "email_verified_at", "progress",
    "rating", "total_enrolled", "current_uses", "is_completed", "is_featured", "published_at", "slug",
)  # fmt: skip
TAKEN_ON_PURPOSE = {
    "users_create": {"role"},  # by administrators, and only roles that they may give
    "users_update": {"role", "status"},  # those two by administrators alone: tests/plugins/auth
    "courses_create": {"slug"},  # a wish, made into what a slug must be
    "courses_update": {"slug"},
    "categories_create": {"slug"},
    "categories_update": {"slug"},
    "reviews_create": {"rating"},  # the stars that the reviewer gives, not the course's average
    "reviews_update": {"rating"},
    "roles_update": {"permissions"},  # the route's very subject; nobody gives what they lack
    "tenants_create": {"plugins", "slug"},  # by operators
}
BY_CATEGORY = {"settings_update"}
"""Takes a mapping, whose keys and values are checked against the categories' Structs: tests/plugins/admin."""


def bodies(deployment: Deployment) -> Iterator[tuple[str, HTTPRouteHandler, Any]]:
    """Yield each route that reads JSON, with its plugin and the type that it reads."""
    for plugin, handlers in deployment.registry.routes.items():
        for handler in handlers:
            field = handler.parsed_data_field
            if field is not None and str(handler.operation_id) not in BY_CATEGORY:
                yield plugin, handler, field.annotation


def structs_in(info: inspect.Type) -> Iterator[inspect.StructType]:
    """Yield every Struct of a type, those inside others too."""
    match info:
        case inspect.StructType(fields=fields):
            yield info
            for field in fields:
                yield from structs_in(field.type)
        case inspect.Metadata(type=inner):
            yield from structs_in(inner)
        case inspect.UnionType(types=types):
            for each in types:
                yield from structs_in(each)
        case inspect.ListType(item_type=item) | inspect.VarTupleType(item_type=item) | inspect.SetType(item_type=item):
            yield from structs_in(item)
        case inspect.DictType(value_type=value):
            yield from structs_in(value)


def fields_of(body: Any) -> set[str]:
    """Return the names that a body takes at its top."""
    top, *_ = structs_in(inspect.type_info(body))
    return {field.encode_name for field in top.fields}


def test_every_body_is_made_of_structs_that_refuse_what_they_do_not_know(deployment: Deployment) -> None:
    open_ones = {
        f"{handler.operation_id}: {struct.cls.__name__}"
        for _, handler, body in bodies(deployment)
        for struct in structs_in(inspect.type_info(body))
        if not struct.forbid_unknown_fields
    }

    assert open_ones == set()
    assert len(list(bodies(deployment))) > 40


def test_columns_of_the_server_are_taken_only_on_purpose(deployment: Deployment) -> None:
    taken = {
        str(handler.operation_id): names
        for _, handler, body in bodies(deployment)
        if (names := fields_of(body) & set(SERVERS_OWN))
    }

    assert taken == TAKEN_ON_PURPOSE


def test_no_body_takes_a_column_that_it_does_not_name(deployment: Deployment) -> None:
    accepted = []
    for plugin, handler, body in bodies(deployment):
        columns = {
            column.name
            for table in metadata.tables.values()
            if table.schema in (plugin, "kernel")
            for column in table.c
        }
        for name in sorted(columns - fields_of(body)):
            try:
                msgspec.json.decode(msgspec.json.encode({name: None}), type=body)
            except msgspec.ValidationError as error:
                if f"unknown field `{name}`" in str(error):
                    continue
            accepted.append(f"{handler.operation_id}: {name}")

    assert accepted == []


async def test_each_is_refused_by_name_and_nothing_is_written(school: School, deployment: Deployment) -> None:
    people = {
        "": await school.person("student"),
        "admin": await school.person("admin"),
        "instructor": await school.person("instructor"),
        "operator": await school.person("admin", is_operator=True),
    }
    people["student"] = people[""]
    written = await school.audit_log()
    wrong = []
    for _, handler, body in bodies(deployment):
        person = people[_who_may(handler)]
        for name in SERVERS_OWN:
            if name not in fields_of(body):
                wrong += [
                    f"{handler.operation_id} {name}: {answer}"
                    for answer in [await _refusal(person, handler, name)]
                    if answer != (400, [(name, "There is no such field.")])
                ]

    assert wrong == []
    assert await school.audit_log() == written


def _who_may(handler: HTTPRouteHandler) -> str:
    """Return a role that passes the route's guards, or that of an operator."""
    for guard in handler.guards or ():
        if isinstance(guard, Requires):
            return min(guard.permission.roles, default="operator")
    return "" if {public, signed_in} & set(handler.guards or ()) else "operator"


async def _refusal(person: Person, handler: HTTPRouteHandler, name: str) -> tuple[int, list[tuple[str, str]]]:
    path = re.sub(r"\{[^}]*:uuid\}", str(new_id()), min(handler.paths))
    path = re.sub(r"\{[^}]*\}", "student", path)
    [method] = handler.http_methods - {"HEAD", "OPTIONS"}
    answer = await person.request(method, path, json={name: 1})
    errors = answer.json().get("errors", [])
    return answer.status_code, [(error["field"], error["message"]) for error in errors]
