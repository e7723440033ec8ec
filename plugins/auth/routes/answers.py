"""What is answered to whoever signs in, the same at every way in."""

from litestar import Response
from msgspec import UNSET

from kernel.door import Arrival
from plugins.auth.actions.admission import SignedIn
from plugins.auth.cookies import sign_in_cookies
from plugins.auth.schemas.sessions import MfaRequired, SignInAnswer


def admission_answer(admitted: SignedIn | MfaRequired, arrival: Arrival) -> Response[SignInAnswer | MfaRequired]:
    """Return user and tokens, in the body and as cookies; without cookies, what is still owed."""
    if isinstance(admitted, MfaRequired):
        return Response(admitted)
    tokens = admitted.tokens
    answer = SignInAnswer(
        user=admitted.user,
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token,
        expires_in=tokens.expires_in,
        mfa_enrolment_required=True if admitted.owes_second_factor else UNSET,
    )
    return Response(answer, cookies=sign_in_cookies(tokens, secure=arrival.is_secure))
