"""What roles may do with codes."""

from kernel.auth import Permission

GENERATE = Permission(
    "codes.access_code.generate", "Generate access codes for courses and videos", {"admin": "any", "instructor": "own"}
)
VIEW = Permission(
    "codes.access_code.view", "See access codes and who redeemed them", {"admin": "any", "instructor": "own"}
)
UPDATE = Permission(
    "codes.access_code.update", "Change and deactivate access codes", {"admin": "any", "instructor": "own"}
)
VIEW_ATTEMPTS = Permission(
    "codes.attempt.view", "See every attempt to redeem a code, and from which address", {"admin": "any"}
)
REDEEM = Permission("codes.access_code.redeem", "Redeem an access code", {"student": "any"})

PERMISSIONS = (GENERATE, VIEW, UPDATE, VIEW_ATTEMPTS, REDEEM)
