"""What requests about codes may say, and what is answered."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from kernel.routing import Body
from plugins.auth.api import UserRef
from plugins.courses.api import Enrollment

CodeType = Literal["single_use", "multi_use", "unlimited"]
CodeKind = Literal["course", "video"]
CodeState = Literal["unused", "used", "exhausted", "expired", "paused", "inactive"]
"""Unused and used codes can be redeemed; of the other words the last that fits counts most."""
ExportFormat = Literal["csv", "xlsx", "pdf"]
Uses = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Label = Annotated[str, Meta(min_length=1, max_length=200)]
Moment = Annotated[datetime, Meta(tz=True)]
Email = Annotated[str, Meta(max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")]
Domain = Annotated[str, Meta(max_length=253, pattern=r"^[^@\s.]+(\.[^@\s.]+)+$")]


class GenerateRequest(Body, frozen=True, kw_only=True):
    """How many codes for what, on which terms."""

    type: CodeType
    course_id: UUID | None = None
    video_id: UUID | None = None
    count: Annotated[int, Meta(ge=1, le=10_000)] = 1
    max_uses: Uses | None = None
    expires_at: Moment | None = None
    access_days: Annotated[int, Meta(ge=1, le=3650)] | None = None
    """So long is open what a code opens, from its redeeming; without it for good."""
    label: Label | None = None
    allowed_emails: Annotated[tuple[Email, ...], Meta(max_length=1000)] = ()
    allowed_domains: Annotated[tuple[Domain, ...], Meta(max_length=100)] = ()


class UpdateRequest(Body, frozen=True, kw_only=True):
    """What may change about a code; an absent field stays as it is."""

    is_active: bool | UnsetType = UNSET
    expires_at: Moment | None | UnsetType = UNSET
    max_uses: Uses | UnsetType = UNSET
    label: Label | None | UnsetType = UNSET
    paused_until: None | UnsetType = UNSET
    """Null ends a pause; a pause begins by itself alone."""


class RedeemRequest(Body, frozen=True):
    """A code as somebody typed it."""

    code: Annotated[str, Meta(min_length=1, max_length=100)]


class CodeCard(Struct, frozen=True):
    """A code for those who hand it out; `code` is null once it is forgotten, or the key that encrypted it."""

    id: UUID
    code: str | None
    kind: CodeKind
    course_id: UUID
    video_id: UUID | None
    type: CodeType
    max_uses: int | None
    current_uses: int
    expires_at: datetime | None
    access_days: int | None
    is_active: bool
    paused_until: datetime | None
    state: CodeState
    label: str | None
    batch_id: UUID
    created_by: UUID | None
    created_at: datetime


class CodeDetails(CodeCard, frozen=True):
    """A code with the addresses that it is bound to."""

    allowed_emails: list[str]
    allowed_domains: list[str]


class ExportedCode(Struct, frozen=True):
    """A code with all that stands beside it in a table."""

    code: str
    state: CodeState
    kind: CodeKind
    course: str
    video: str
    label: str
    type: CodeType
    uses: int
    max_uses: int | None
    expires_at: datetime | None
    access_days: int | None
    created_at: datetime
    address: str


class GeneratedBatch(Struct, frozen=True):
    """The codes that were just made."""

    batch_id: UUID
    items: list[CodeCard]


class BegunBatch(Struct, frozen=True):
    """A batch of which a task makes the codes."""

    batch_id: UUID
    task_id: UUID


class BatchCard(Struct, frozen=True):
    """Codes that were generated together, and how far they are used up."""

    id: UUID
    kind: CodeKind
    course_id: UUID
    course_title: str
    video_id: UUID | None
    video_title: str | None
    label: str | None
    count: int
    """So many were generated."""
    used: int
    """Of these codes somebody has redeemed."""
    redeemed: int
    """So often were they redeemed in all."""
    active: int
    """So many can be redeemed at this moment."""
    paused: int
    """So many rest at this moment, because strangers tried them."""
    missing: int
    """So many of them are still being made."""
    uses: int | None
    """So often can they be redeemed in all; null for without end."""
    expires_at: datetime | None
    """When the last of them ends; null if one never does."""
    created_by: UserRef | None
    created_at: datetime


class StateCounts(Struct, frozen=True):
    """How many codes are in which state, and how often they were redeemed in all."""

    unused: int
    used: int
    exhausted: int
    expired: int
    paused: int
    inactive: int
    redeemed: int


class DayCount(Struct, frozen=True):
    """How many on a day."""

    day: date
    count: int


class OutcomeCount(Struct, frozen=True):
    """How many attempts were refused for a reason."""

    outcome: str
    count: int


class CodeUsage(Struct, frozen=True):
    """How codes are used; the days are those of the tenant's time zone, and refusals those in them."""

    codes: StateCounts
    redeemed_by_day: list[DayCount]
    refused: list[OutcomeCount]


class BatchDetails(Struct, frozen=True):
    """A batch and how its codes are used."""

    batch: BatchCard
    usage: CodeUsage


class Redeemed(Struct, frozen=True, omit_defaults=True):
    """What a redeemed code opened."""

    kind: CodeKind
    course_id: UUID
    video_id: UUID | None = None
    enrollment: Enrollment | None = None


class OpenedByCode(Struct, frozen=True):
    """A course, or one video of it."""

    kind: CodeKind
    course_id: UUID
    course_title: str
    course_slug: str
    video_id: UUID | None
    video_title: str | None


class CodeCheck(Struct, frozen=True, kw_only=True):
    """What a code would open for whoever asks; else `refusal` is the error code of redeeming it, and why.

    Args:
        refusal: None if it can be redeemed.
        opens: Told where it can be, or was by this user.
        access_days: So long is open what it opens; None for good.
        ended_at: When it expired, if that is why.
        max_uses: How many have been taken, if that is why.
        redeemed_at: When this user redeemed it, if that is why.
    """

    refusal: str | None
    opens: OpenedByCode | None = None
    access_days: int | None = None
    ended_at: datetime | None = None
    max_uses: int | None = None
    redeemed_at: datetime | None = None


class RedemptionCard(Struct, frozen=True):
    """Who redeemed a code and when; the address is told only to who may see every code."""

    id: UUID
    user: UserRef | None
    redeemed_at: datetime
    ip_address: str | None | UnsetType = UNSET


class BatchRedemption(Struct, frozen=True):
    """Who redeemed which code of a batch, and when; the address is told only to who may see every code."""

    id: UUID
    code_id: UUID
    code: str | None
    user: UserRef | None
    redeemed_at: datetime
    ip_address: str | None | UnsetType = UNSET


class AttemptCard(Struct, frozen=True):
    """Somebody's attempt to redeem a code; the address is told only to who may see every code.

    `outcome` is `codes.access_code.redeemed`, or the code of the refusal.
    """

    id: UUID
    code_id: UUID | None
    user: UserRef | None
    outcome: str
    attempted_at: datetime
    ip_address: str | UnsetType = UNSET
