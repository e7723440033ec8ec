"""The schema `shop`: every kind of thing that a plugin's table can say of itself."""

from typing import Any
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from kernel.tables import NormalisedText, one_of, secret_column, table_base, tenant_reference, tenant_unique

Base = table_base("shop")


class Shelf(Base):
    """A shelf, found by its name."""

    __tablename__ = "shelves"
    __table_args__ = (
        tenant_unique("name"),
        Index(None, "tenant_id", "label", unique=True, postgresql_where=text("label IS NOT NULL")),
    )

    name: Mapped[str] = mapped_column(NormalisedText)
    label: Mapped[str | None]


class Item(Base):
    """A thing with a secret."""

    __tablename__ = "items"
    __table_args__ = (
        tenant_reference("shelf_id", "shop.shelves"),
        tenant_reference("spare_shelf_id", "shop.shelves", ondelete="SET NULL"),
        one_of("kind", "plain", "seller's own"),
        {"comment": "what is sold"},
    )

    shelf_id: Mapped[UUID]
    spare_shelf_id: Mapped[UUID | None]
    kind: Mapped[str] = mapped_column(server_default=text("'plain'"))
    token: Mapped[bytes | None] = secret_column()
    price: Mapped[int] = mapped_column(server_default=text("0"))
    tags: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    details: Mapped[dict[str, Any] | None]


class Visit(Base, audited=False, append_only=True):
    """That somebody came; too many for the audit log, and final."""

    __tablename__ = "visits"

    path: Mapped[str]
