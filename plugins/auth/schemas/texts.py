"""The texts that requests about accounts are made of, each no longer than what it is for."""

from typing import Annotated, Literal

from msgspec import Meta

TokenPurpose = Literal["verification", "reset", "invitation"]
UserSort = Literal["name", "-name", "email", "-email", "created_at", "-created_at", "last_login", "-last_login"]
"""Who has never signed in comes before everybody who has."""
Seen = Literal["week", "month", "long_ago", "never"]
"""When somebody signed in last: within seven or thirty days, more than ninety days ago, not yet."""
BulkAction = Literal["activate", "deactivate", "suspend"]
Status = Literal["active", "inactive", "suspended"]
Email = Annotated[str, Meta(max_length=254, pattern=r"^[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+$")]
NewPassword = Annotated[str, Meta(min_length=1, max_length=1000)]
"""The policy says what it must be (`rules`), in words that name each broken rule."""
TypedPassword = Annotated[str, Meta(max_length=128)]
"""As somebody typed it, to be compared."""
MailedToken = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9_-]+$(?!\n)")]
PersonName = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"\S")]
ShortText = Annotated[str, Meta(min_length=1, max_length=100)]
LongText = Annotated[str, Meta(min_length=1, max_length=2000)]
Phone = Annotated[str, Meta(max_length=20, pattern=r"^\+?[0-9 ()./-]{3,}$")]
RefreshTokenText = Annotated[str, Meta(min_length=1, max_length=4096)]
