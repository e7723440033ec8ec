"""What makes a ballot, when voting is over and who sees results; decided from plain values alone."""

from collections.abc import Sequence
from datetime import datetime

from kernel.errors import FieldError
from polls.errors import OptionsInvalid


def check_options(labels: Sequence[str], most: int) -> None:
    """Refuse options that make no ballot.

    Args:
        labels: As they were given.
        most: As many as the tenant allows.

    Raises:
        OptionsInvalid: There are too many, or two that read the same; with the field.
    """
    if len(labels) > most:
        raise OptionsInvalid(errors=[FieldError("options", f"At most {most} options.")])
    seen: set[str] = set()
    for number, label in enumerate(labels):
        plain = " ".join(label.casefold().split())
        if plain in seen:
            raise OptionsInvalid(errors=[FieldError(f"options[{number}]", "Another option reads the same.")])
        seen.add(plain)


def is_open(*, closes_at: datetime | None, closed_at: datetime | None, now: datetime) -> bool:
    """Whether a poll takes votes: closed by hand or by the clock, whichever comes first."""
    return closed_at is None and (closes_at is None or now < closes_at)


def shows_results(results_shown: str, *, still_open: bool, may_manage: bool) -> bool:
    """Whether results may be seen: by who manages the poll at any time, by others as the tenant decides."""
    return may_manage or results_shown == "always" or not still_open
