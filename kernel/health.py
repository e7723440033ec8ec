"""Whether the process can serve: `/health/ready`; that it lives is said by `kernel.observability`."""

import asyncio
from collections.abc import Awaitable, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec

from kernel.auth import public
from kernel.deployment import Deployment
from kernel.revisions import pending


class Check(msgspec.Struct, frozen=True):
    """One part and whether it answers."""

    name: str
    ok: bool
    detail: str = ""


class Readiness(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whether the process can serve; the parts only for whoever has the operator's token."""

    status: str
    checks: Sequence[Check] = ()


def health_routes(deployment: Deployment) -> list[HTTPRouteHandler]:
    """Return the handler; it counts against no limit and asks for no tenant."""
    unready = ResponseSpec(Readiness, generate_examples=False, description="A part does not answer.")

    @get(
        "/health/ready",
        guards=[public],
        opt={"door": "none"},
        operation_id="health_ready",
        responses={HTTPStatus.SERVICE_UNAVAILABLE: unready},
    )
    async def ready(request: Request[Any, Any, Any]) -> Response[Readiness]:
        """Say whether database, Redis, storage and migrations are in order."""
        checks = await readiness_checks(deployment)
        ok = all(check.ok for check in checks)
        known = deployment.settings.is_operators(request.headers.get("authorization", ""))
        body = Readiness(
            "ok" if ok else "unavailable", [*checks, *set_aside(deployment), *mail_trouble(deployment)] if known else ()
        )
        return Response(body, status_code=200 if ok else 503)

    return [ready]


async def readiness_checks(deployment: Deployment) -> list[Check]:
    """Ask every part, all at once, each for at most three seconds."""
    parts = await asyncio.gather(
        _check("database", deployment.database.check()),
        _check("redis", deployment.gate.check()),
        _check("storage", deployment.storage.check()),
        _check("migrations", _no_pending(deployment)),
    )
    return list(parts)


def set_aside(deployment: Deployment) -> list[Check]:
    """Return a failed check for each plugin in quarantine; the process serves nevertheless."""
    return [Check(f"plugin {name}", False, reason) for name, reason in sorted(deployment.set_aside.items())]


def mail_trouble(deployment: Deployment) -> list[Check]:
    """Return a failed check if no server takes mails; the process serves nevertheless, and mails wait."""
    if deployment.smtp is not None or deployment.settings.embedded_stack:
        return []
    return [Check("mail", False, "COLLEGIUM_SMTP_URL is not set, so mails wait")]


async def _check(name: str, probe: Awaitable[object]) -> Check:
    try:
        async with asyncio.timeout(3):
            await probe
    except Exception as error:  # noqa: BLE001 - whatever is wrong with a part is the answer
        return Check(name, False, str(error) or type(error).__name__)
    return Check(name, True)


async def _no_pending(deployment: Deployment) -> None:
    chains = [each for each in deployment.registry.migration_chains() if each.schema not in deployment.set_aside]
    if missing := await pending(deployment.settings.database_url, chains):
        raise RuntimeError(f"pending migrations: {', '.join(missing)}; run `collegium migrate`")
