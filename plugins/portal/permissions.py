"""What the portal itself asks for; each page of another plugin asks for that plugin's own permissions."""

from kernel.auth import Permission

VIEW_DESIGN = Permission(
    "portal.design.view", "See every component of the design system", {"admin": "any", "instructor": "any"}
)
PERMISSIONS = (VIEW_DESIGN,)
