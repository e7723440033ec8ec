"""What table classes say of themselves."""

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import dialect
from sqlalchemy.schema import CreateTable

from kernel.statements import plan_for
from kernel.tables import metadata, normalised
from tests.kernel.shop.tables import Shelf

ITEMS, VISITS = metadata.tables["shop.items"], metadata.tables["shop.visits"]


def test_table_begins_with_tenant_and_id() -> None:
    assert [column.name for column in ITEMS.primary_key] == ["tenant_id", "id"]
    assert [column.name for column in VISITS.columns] == [
        "tenant_id",
        "id",
        "created_at",
        "updated_at",
        "path",
    ]


def test_class_keywords_and_secrets_are_noted_for_the_drift_check() -> None:
    assert ITEMS.info == {"module": Shelf.__module__, "audited": True, "append_only": False}
    assert VISITS.info == {"module": Shelf.__module__, "audited": False, "append_only": True}
    assert [column.name for column in ITEMS.columns if column.info.get("secret")] == ["token"]


def test_constraints_are_named_and_composite() -> None:
    ddl = str(CreateTable(ITEMS).compile(dialect=dialect()))  # type: ignore[no-untyped-call]
    assert [line.strip(" ,\t") for line in ddl.splitlines() if "CONSTRAINT" in line] == [
        "CONSTRAINT pk_items PRIMARY KEY (tenant_id, id)",
        "CONSTRAINT fk_items_tenant_id_shelf_id FOREIGN KEY(tenant_id, shelf_id)"
        " REFERENCES shop.shelves (tenant_id, id) ON DELETE CASCADE",
        "CONSTRAINT fk_items_tenant_id_spare_shelf_id FOREIGN KEY(tenant_id, spare_shelf_id)"
        " REFERENCES shop.shelves (tenant_id, id) ON DELETE SET NULL (spare_shelf_id)",
        "CONSTRAINT ck_items_kind CHECK (kind IN ('plain', 'seller''s own'))",
    ]


def test_normalised_text_is_searched_as_it_is_stored() -> None:
    plan = plan_for(select(Shelf.id).where(Shelf.name == bindparam("name")))
    assert plan.arguments({"name": "  STRASSE Ⅳ "}) == ["strasse iv"]
    assert normalised("Straße ﬁx") == normalised("STRASSE FIX") == "strasse fix"
