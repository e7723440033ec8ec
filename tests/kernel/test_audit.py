"""The audit log: what changed, by whom, whoever writes and however."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest

from kernel.db import Origin
from kernel.embedded import Stack
from kernel.ids import new_id
from kernel.migrate import upgrade
from tests.kernel.databases import KERNEL, SHOP, Connection, connected, new_database, transaction

ADD_SHELF = "INSERT INTO shop.shelves (id, name) VALUES ($1, $2)"
ADD_ITEM = "INSERT INTO shop.items (id, shelf_id, spare_shelf_id, token) VALUES ($1, $2, $3, $4)"


@pytest.fixture(scope="module")
async def urls(stack: Stack, run_worker_name: str) -> Mapping[str, str]:
    """The address for each role of a database with the kernel's tables and the shop's."""
    urls = await new_database(stack, f"audit_{run_worker_name or 'gw0'}")
    await upgrade(urls["owner"], [KERNEL, SHOP])
    return urls


async def log(urls: Mapping[str, str], tenant_id: UUID, skip: int = 0) -> list[tuple[Any, ...]]:
    """Return action, entity, old and new values of a tenant's rows in the log, in the order of writing."""
    async with transaction(urls["app"], tenant_id) as connection:
        rows = await connection.fetch(
            "SELECT action, entity_id, old_values, new_values FROM kernel.audit_logs ORDER BY created_at, id"
        )
    return [(action, entity, *(each and json.loads(each) for each in values)) for action, entity, *values in rows][
        skip:
    ]


async def add_shelves(connection: Connection, *names: str) -> list[UUID]:
    """Make shelves."""
    ids = [new_id() for _ in names]
    await connection.executemany(ADD_SHELF, list(zip(ids, names, strict=True)))
    return ids


def item_values(item: UUID, shelf: UUID, **others: Any) -> dict[str, Any]:
    """Return what the log says of an item that keeps every default."""
    values: dict[str, Any] = {
        "id": str(item),
        "shelf_id": str(shelf),
        "spare_shelf_id": None,
        "kind": "plain",
        "token": "***",
        "price": 0,
        "tags": [],
        "details": None,
    }
    return {**values, **others}


@pytest.mark.parametrize("role", ["app", "worker", "operator"])
async def test_each_change_leaves_a_row_whoever_writes(urls: Mapping[str, str], role: str) -> None:
    tenant, item = new_id(), new_id()
    async with transaction(urls[role], tenant) as connection:
        (shelf,) = await add_shelves(connection, "first")
    async with transaction(urls[role], tenant) as connection:
        await connection.execute(ADD_ITEM, item, shelf, None, b"secret")
    for change in ("price = 5, tags = '{new}'", "price = 5", "token = 'other'"):
        async with transaction(urls[role], tenant) as connection:
            await connection.execute(f"UPDATE shop.items SET {change} WHERE id = $1", item)
    async with transaction(urls[role], tenant) as connection:
        await connection.execute("DELETE FROM shop.items WHERE id = $1", item)
    assert await log(urls, tenant) == [
        ("shop.shelves.inserted", shelf, None, {"id": str(shelf), "name": "first", "label": None}),
        ("shop.items.inserted", item, None, item_values(item, shelf)),
        ("shop.items.updated", item, {"price": 0, "tags": []}, {"price": 5, "tags": ["new"]}),
        ("shop.items.updated", item, {"token": "***"}, {"token": "***"}),
        ("shop.items.deleted", item, item_values(item, shelf, price=5, tags=["new"]), None),
    ]


async def test_row_says_who_from_where_in_which_request(urls: Mapping[str, str]) -> None:
    tenant, actor = new_id(), new_id()
    async with transaction(
        urls["app"], tenant, actor_id=actor, request_id="r-1", address="203.0.113.9", agent="Browser/1"
    ) as connection:
        await add_shelves(connection, "known")
    async with transaction(urls["app"], tenant) as connection:
        await add_shelves(connection, "unknown")
        rows = await connection.fetch(
            "SELECT tenant_id, user_id, entity_type, request_id, ip_address, user_agent FROM kernel.audit_logs"
            " ORDER BY created_at"
        )
    assert [tuple(row) for row in rows] == [
        (tenant, actor, "shop.shelves", "r-1", "203.0.113.9", "Browser/1"),
        (tenant, None, "shop.shelves", None, None, None),
    ]


async def test_table_that_is_not_audited_leaves_no_row(urls: Mapping[str, str]) -> None:
    tenant = new_id()
    async with transaction(urls["app"], tenant) as connection:
        await connection.execute("INSERT INTO shop.visits (id, path) VALUES ($1, '/')", new_id())
    assert await log(urls, tenant) == []


async def test_rolled_back_change_leaves_no_row(urls: Mapping[str, str]) -> None:
    tenant = new_id()
    async with connected(urls["app"]) as connection:
        await connection.execute(f"BEGIN; {Origin(tenant).prelude()}")
        await add_shelves(connection, "never")
        await connection.execute("ROLLBACK")
    assert await log(urls, tenant) == []


@pytest.mark.parametrize("role", ["app", "operator"])
async def test_cascade_is_recorded_too(urls: Mapping[str, str], role: str) -> None:
    tenant, goes, stays = new_id(), new_id(), new_id()
    async with transaction(urls["app"], tenant) as connection:
        first, second = await add_shelves(connection, "first", "second")
        await connection.execute(ADD_ITEM, goes, first, None, b"secret")
        await connection.execute(ADD_ITEM, stays, second, first, None)
    async with transaction(urls[role], tenant if role == "app" else None) as connection:
        await connection.execute("DELETE FROM shop.shelves WHERE id = $1", first)
    assert sorted(await log(urls, tenant, skip=4), key=lambda row: row[0]) == [
        ("shop.items.deleted", goes, item_values(goes, first), None),
        ("shop.items.updated", stays, {"spare_shelf_id": str(first)}, {"spare_shelf_id": None}),
        ("shop.shelves.deleted", first, {"id": str(first), "name": "first", "label": None}, None),
    ]


async def test_updated_at_moves_with_every_change(urls: Mapping[str, str]) -> None:
    tenant = new_id()
    async with transaction(urls["app"], tenant) as connection:
        (shelf,) = await add_shelves(connection, "moving")
    async with transaction(urls["app"], tenant) as connection:
        times = "SELECT created_at < updated_at, updated_at = now() FROM shop.shelves WHERE id = $1"
        assert tuple(await connection.fetchrow(times, shelf) or ()) == (False, False)
        await connection.execute("UPDATE shop.shelves SET label = 'x', updated_at = 'epoch' WHERE id = $1", shelf)
        assert tuple(await connection.fetchrow(times, shelf) or ()) == (True, True)


async def test_operator_pseudonymises_what_nobody_else_may_change(urls: Mapping[str, str]) -> None:
    tenant, actor = new_id(), new_id()
    async with transaction(urls["app"], tenant, actor_id=actor, address="203.0.113.9") as connection:
        await add_shelves(connection, "person")
    async with connected(urls["operator"]) as connection:
        changed = "UPDATE kernel.audit_logs SET user_id = NULL, ip_address = NULL WHERE user_id = $1"
        assert await connection.execute(changed, actor) == "UPDATE 1"
