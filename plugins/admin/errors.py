"""What administration refuses."""

from kernel.errors import Conflict, Forbidden, Invalid


class OwnRole(Forbidden):
    """Nobody changes what their own role may."""

    code = "admin.own_role"
    title = "You cannot change what your own role may. Somebody with another role can."


class BeyondOwnPower(Forbidden):
    """Nobody gives what they lack."""

    code = "admin.beyond_own_power"
    title = "You cannot give what you may not do yourself."


class AdministratorsKeep(Conflict):
    """Administrators could not give each other back what one of them took."""

    code = "admin.administrators_keep"
    title = "Administrators keep what they may at first."


class OwnTenant(Conflict):
    """An operator would lock themselves out."""

    code = "admin.own_tenant"
    title = "This is the tenant that you are signed in to. Do this from another one, or by the command line."


class NotConfirmed(Invalid):
    """The slug in `confirm` is not the tenant's."""

    code = "admin.not_confirmed"
    title = "Repeat the tenant's slug in `confirm`: everything of it will be gone."
