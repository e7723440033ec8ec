"""The texts and numbers that requests about courses are made of, each no longer than what it is for."""

from typing import Annotated, Literal

from msgspec import Meta

CourseStatus = Literal["draft", "submitted", "published", "rejected", "archived"]
EnrollmentStatus = Literal["active", "completed", "dropped", "expired"]
Level = Literal["beginner", "intermediate", "advanced"]
VideoType = Literal["youtube_private", "server_upload", "external"]

# Behind a `$` stands `(?!\n)`: by itself it also matches before a last newline.
Title = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"\S")]
ShortText = Annotated[str, Meta(min_length=1, max_length=500)]
LongText = Annotated[str, Meta(min_length=1, max_length=50_000)]
CategoryName = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"\S")]
Icon = Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,100}$(?!\n)")]
Slug = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"\S")]
"""As it is given; `rules.slug_of` makes it what it must be."""
Language = Annotated[str, Meta(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$(?!\n)")]
Price = Annotated[str, Meta(pattern=r"^[0-9]{1,8}(\.[0-9]{1,2})?$(?!\n)")]
Places = Annotated[int, Meta(ge=1, le=2**31 - 1)]
SortOrder = Annotated[int, Meta(ge=0, le=2**31 - 1)]
YoutubeId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{6,50}$(?!\n)")]
HttpsUrl = Annotated[str, Meta(max_length=500, pattern=r"^https://[^\s\x00-\x1f\x7f<>\"]+$(?!\n)")]
Seconds = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Duration = Annotated[int, Meta(ge=1, le=86_400)]
