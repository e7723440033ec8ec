"""Why signing in, registering and changing accounts refuse; each condition has its own stable code."""

from kernel.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated, Unavailable


class BadCredentials(Unauthenticated):
    """Address or password is wrong; which one is not said, nor whether the account exists."""

    code = "auth.bad_credentials"
    title = "Wrong e-mail address or password."


class AccountSuspended(Forbidden):
    """The password is right and the account is suspended."""

    code = "auth.suspended"
    title = "This account is suspended. Ask an administrator."


class AccountInactive(Forbidden):
    """The password is right and the account is switched off."""

    code = "auth.inactive"
    title = "This account is not active. Ask an administrator."


class EmailNotVerified(Forbidden):
    """The password is right and the address has never been verified."""

    code = "auth.email_not_verified"
    title = "Verify your e-mail address first: open the link that we sent you."


class RegistrationClosed(Forbidden):
    """The tenant takes no registrations."""

    code = "auth.registration_closed"
    title = "Registration is closed here."


class PasswordRefused(Invalid):
    """The new password breaks the policy; `errors` holds a sentence for every rule that it breaks."""

    code = "auth.password_refused"
    title = "Choose another password."


class WrongPassword(Forbidden):
    """What was sent to prove again who one is, is not the password; the session stays."""

    code = "auth.wrong_password"
    title = "This is not your password."


class SignInAgain(Forbidden):
    """An account without a password proves who it is by a sign-in, and the last one is too long ago."""

    code = "auth.sign_in_again"
    title = "Sign in again to do this."


class MfaTokenInvalid(Unauthenticated):
    """The token of the first step is unknown, used, tried too often, or its five minutes are over."""

    code = "auth.mfa_token_invalid"
    title = "Sign in again from the start."


class WrongCode(Unauthenticated):
    """The code is none of this account, or was used before."""

    code = "auth.wrong_code"
    title = "This code does not count. Wait for the next one."


class PasskeyRefused(Unauthenticated):
    """What came is nothing that a passkey of this school has signed for this request."""

    code = "auth.passkey_refused"
    title = "This passkey was not accepted. Try again."


class PasskeyCopied(Unauthenticated):
    """The passkey's counter has not grown since its last use, so somebody may have copied it."""

    code = "auth.passkey_copied"
    title = "This passkey may have been copied. Sign in another way and remove it."


class PasskeyKnown(Conflict):
    """The passkey belongs to an account already."""

    code = "auth.passkey_known"
    title = "This passkey is in use already."


class TooManyPasskeys(Conflict):
    """The account has as many passkeys as it may."""

    code = "auth.too_many_passkeys"
    title = "Remove a passkey before you make another one."


class TotpOn(Conflict):
    """An authenticator app is set up already."""

    code = "auth.totp_on"
    title = "An authenticator app is set up already. Remove it first."


class TotpNotBegun(Conflict):
    """There is no secret that waits for its first code."""

    code = "auth.totp_not_begun"
    title = "Begin setting up the authenticator app first."


class SecondFactorOff(Conflict):
    """The account has no second factor that recovery codes could stand in for."""

    code = "auth.second_factor_off"
    title = "Set up a second factor first."


class SecondFactorNeeded(Conflict):
    """The tenant asks the actor's role for a second factor, and this is the last one."""

    code = "auth.second_factor_needed"
    title = "Your school asks for a second factor. Set up another one before you remove this."


class RefreshInvalid(Unauthenticated):
    """No refresh token, one that we never made, or one whose time is over."""

    code = "auth.refresh_invalid"
    title = "Sign in again."


class SessionRevoked(Unauthenticated):
    """The session was ended, or its refresh token came a second time."""

    code = "auth.session_revoked"
    title = "This session was ended. Sign in again."


class PasswordsBusy(Unavailable):
    """Too many passwords wait to be hashed."""

    code = "auth.busy"
    title = "Too many people are signing in right now. Try again in a moment."


class EmailTaken(Conflict):
    """Another account of this tenant has the address; told to administrators only."""

    code = "auth.email_taken"
    title = "There is an account with this e-mail address already."


class OwnAccount(Forbidden):
    """Nobody changes their own role or status."""

    code = "auth.own_account"
    title = "You cannot change your own role or status."


class BeyondOwnRole(Forbidden):
    """Nobody decides about a role above their own, whatever they were given (rule 27)."""

    code = "auth.beyond_own_role"
    title = "Only somebody of this role can decide about it."


class LastAdmin(Conflict):
    """Without this account nobody could administer the tenant."""

    code = "auth.last_admin"
    title = "This is the last active administrator. Make another one first."


class TokenInvalid(Invalid):
    """The link of a mail is unknown, used, replaced by a newer one, or too old."""

    code = "auth.token_invalid"
    title = "This link does not work any more. Ask for a new one."


class AlreadyJoined(Conflict):
    """The account has been used, so there is nothing to invite to."""

    code = "auth.already_joined"
    title = "This person has an account that works already."


class ProviderUnknown(NotFound):
    """The tenant has no such provider."""

    code = "auth.provider_unknown"
    title = "Nobody can sign in here by this provider."


class ProviderUnavailable(Unavailable):
    """A provider's server does not answer."""

    code = "auth.provider_unavailable"
    title = "The other site does not answer. Try again in a moment, or sign in another way."


class ProviderDistrusted(Unauthenticated):
    """What a provider, or somebody in its name, answered proves nothing; the log says why."""

    code = "auth.provider_distrusted"
    title = "Signing in there did not work. Start again, or sign in another way."


class SignInExpired(Invalid):
    """No sign-in waits for this callback: it took too long, has come before, or belongs to another browser."""

    code = "auth.sign_in_expired"
    title = "This sign-in took too long, or was begun in another browser. Start again."


class SignInDeclined(Forbidden):
    """The provider sent somebody back without a code."""

    code = "auth.sign_in_declined"
    title = "The other site did not let you in. Start again, or sign in another way."


class NoAccount(Forbidden):
    """The provider is right about who it is, and no account here may be opened by that."""

    code = "auth.no_account"
    title = "No account here belongs to this sign-in. Sign in another way, or ask an administrator."


class IdentityTaken(Conflict):
    """What shall be linked belongs to another account already."""

    code = "auth.identity_taken"
    title = "This sign-in belongs to another account already."


class OperatorsStayLocal(Forbidden):
    """A tenant's administrator chooses its providers, and must not thereby choose who is an operator."""

    code = "auth.operators_stay_local"
    title = "Operators sign in without another site's help."


class LastWayIn(Conflict):
    """Without this nobody could sign in to the account."""

    code = "auth.last_way_in"
    title = "This is the only way to sign in to your account. Add another one first."


class NotAStudent(Conflict):
    """Only students have a student's file."""

    code = "auth.not_a_student"
    title = "This is no student's account."


class NotAnInstructor(Conflict):
    """Only instructors have an instructor's profile."""

    code = "auth.not_an_instructor"
    title = "This is no instructor's account."
