"""`/metrics`: what the processes have counted, and what is so at this moment; for the operator alone.

What is counted is `kernel.metrics`. A worker of its own answers at a port of its own.
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from litestar import Request, Response, get
from litestar.enums import ScopeType
from litestar.handlers import HTTPRouteHandler
from litestar.types import Receive, Scope, Send
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from kernel.auth import public
from kernel.backlog import Backlog, backlogs
from kernel.db import DatabaseUnavailable
from kernel.deployment import Deployment
from kernel.errors import NotFound, Unauthenticated
from kernel.metrics import MEDIA_TYPE, exposition

PATH = "/metrics"


def metrics_routes(deployment: Deployment) -> list[HTTPRouteHandler]:
    """Return the handler; it counts against no limit and asks for no tenant."""

    @get(PATH, guards=[public], opt={"door": "none"}, include_in_schema=False)
    async def metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
        if not deployment.settings.operator_token:
            raise NotFound
        if not deployment.settings.is_operators(request.headers.get("authorization", "")):
            raise Unauthenticated("The metrics need the operator's token.")
        return Response(await numbers(deployment), media_type=MEDIA_TYPE, headers={"Cache-Control": "no-store"})

    return [metrics]


def worker_metrics(deployment: Deployment) -> Any:
    """Return the ASGI application at which a worker tells its numbers."""

    async def answer(scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            return
        headers = {bytes(name): bytes(value) for name, value in scope["headers"]}
        status, body = HTTPStatus.NOT_FOUND, b""
        if scope["path"] == PATH and deployment.settings.operator_token:
            known = deployment.settings.is_operators(headers.get(b"authorization", b"").decode("latin-1"))
            status = HTTPStatus.OK if known else HTTPStatus.UNAUTHORIZED
            body = await numbers(deployment) if known else b""
        kind = (b"content-type", MEDIA_TYPE.encode())
        await send({"type": "http.response.start", "status": status.value, "headers": [kind]})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    return answer


async def numbers(deployment: Deployment) -> bytes:
    """Return everything that there is to tell, as far as the database answers."""
    try:
        found = await backlogs(deployment)
    except DatabaseUnavailable:
        found = {}
    return exposition([*_backlog(found), *_parts(deployment, has_database=bool(found))])


def _backlog(found: dict[str, Backlog]) -> Sequence[Metric]:
    counts = GaugeMetricFamily("collegium_backlog", "Background work, over all tenants.", labels=("kind", "state"))
    ages = GaugeMetricFamily(
        "collegium_backlog_oldest_seconds", "How long the oldest that is due has waited.", labels=("kind",)
    )
    for kind, each in found.items():
        ages.add_metric((kind,), each.oldest_s)
        for state in ("waiting", "running", "failed"):
            counts.add_metric((kind, state), getattr(each, state))
    return counts, ages


def _parts(deployment: Deployment, *, has_database: bool) -> Sequence[Metric]:
    up = GaugeMetricFamily("collegium_database_up", "Whether PostgreSQL answers.", value=int(has_database))
    aside = GaugeMetricFamily(
        "collegium_plugins_set_aside", "Plugins that are left out as bad.", value=len(deployment.set_aside)
    )
    behind = GaugeMetricFamily("collegium_replica_behind_seconds", "How late a replica is.", labels=("replica",))
    usable = GaugeMetricFamily("collegium_replica_usable", "Whether readings go there.", labels=("replica",))
    for number, each in enumerate(deployment.replicas.seen, start=1):
        behind.add_metric((str(number),), each.behind_s)
        usable.add_metric((str(number),), int(each.is_at(0)))
    return up, aside, behind, usable
