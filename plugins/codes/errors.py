"""Why codes refuse; each condition has its own stable code."""

from kernel.errors import Conflict, Forbidden, Invalid, NotFound


class CodeUnknown(NotFound):
    """No code of this tenant reads like this."""

    code = "codes.unknown"
    title = "There is no such code. Check it for typing errors."


class CodeNotFound(NotFound):
    """No code has this id, or not for this person."""

    code = "codes.not_found"
    title = "There is no such code."


class BatchNotFound(NotFound):
    """No batch has this id, or not for this person."""

    code = "codes.batch_not_found"
    title = "There are no codes that were generated so."


class CodeInactive(Conflict):
    """The code was switched off."""

    code = "codes.inactive"
    title = "This code is no longer active."


class CodeExpired(Conflict):
    """The code's time is over."""

    code = "codes.expired"
    title = "This code has expired."


class CodePaused(Conflict):
    """The code rests because too many strangers tried it."""

    code = "codes.paused"
    title = "This code is paused for a while, because too many people failed on it. Try again later."


class CodeExhausted(Conflict):
    """All uses of the code are taken."""

    code = "codes.exhausted"
    title = "All uses of this code are taken."


class CodeAlreadyRedeemed(Conflict):
    """This user has redeemed this code before."""

    code = "codes.already_redeemed"
    title = "You have redeemed this code already."


class CodeNotForYou(Forbidden):
    """The code is bound to other addresses."""

    code = "codes.not_for_you"
    title = "This code was made for somebody else."


class TermsInvalid(Invalid):
    """The terms of a code contradict each other; `errors` names the fields."""

    code = "codes.terms_invalid"
    title = "These terms do not fit together."


class CodeForgotten(Conflict):
    """The code expired so long ago that its text is not kept any more."""

    code = "codes.forgotten"
    title = "This code expired so long ago that nobody knows its text any more. Generate another one."


class UsesAlreadyTaken(Conflict):
    """More uses are taken than the new maximum allows."""

    code = "codes.uses_already_taken"
    title = "More uses of this code are taken already."


class ExportTooLarge(Invalid):
    """There are more codes than one document holds."""

    code = "codes.export_too_large"
    title = "There are too many codes for one document. Export a batch, or fewer of them."
