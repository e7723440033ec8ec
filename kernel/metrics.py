"""What is counted and timed, for Prometheus: `/metrics`, for whoever has the operator's token.

Labels are templates of routes, names of listeners and tasks: never a path, an id or a person. Processes of one server
add their numbers up in the directory that `kernel.settings` names; a worker of its own tells its own (`kernel.worker`).
What waits in the database is asked at the moment of reading (`kernel.metrics_route`).
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from litestar.types import Scope
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector

from kernel.settings import metrics_directory

if TYPE_CHECKING:
    from kernel.deployment import Deployment

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_LONG_SECONDS = (0.01, 0.1, 1, 10, 60, 600, 3600)
_BETWEEN_GAUGES_S = 1.0

REGISTRY = CollectorRegistry()
REQUESTS = Counter(
    "collegium_requests", "Answered requests.", ("method", "route", "status", "tenant"), registry=REGISTRY
)
REQUEST_SECONDS = Histogram(
    "collegium_request_seconds",
    "From the first byte to the end of the answer.",
    ("method", "route"),
    buckets=_SECONDS,
    registry=REGISTRY,
)
REFUSED = Counter("collegium_rate_limited", "Requests refused by a limit.", ("door",), registry=REGISTRY)
EVENTS = Counter(
    "collegium_events", "Attempts to deliver an event to a listener.", ("listener", "outcome"), registry=REGISTRY
)
TASKS = Counter("collegium_tasks", "Attempts at a background task.", ("task", "outcome"), registry=REGISTRY)
TASK_SECONDS = Histogram(
    "collegium_task_seconds", "One attempt at a background task.", ("task",), buckets=_LONG_SECONDS, registry=REGISTRY
)
CONNECTIONS = Gauge(
    "collegium_database_connections",
    "Connections of the server processes to PostgreSQL.",
    ("server", "state"),
    registry=REGISTRY,
    multiprocess_mode="livesum",
)


class RequestMetrics:
    """Counts the requests of one process."""

    def __init__(self, deployment: "Deployment") -> None:
        self._deployment = deployment
        self._by_tenant = deployment.settings.metrics_by_tenant
        self._children: dict[tuple[str, str, int, str], tuple[Any, Any]] = {}
        self._gauged_at = 0.0

    def count(self, scope: Scope, status: int, took_s: float) -> None:
        """Count an answered request."""
        method = scope["method"] if scope["method"] in _METHODS else "other"  # type: ignore[typeddict-item]
        # Litestar names the template of the route that it found; an address without one is told by no name.
        route = str(scope.get("path_template") or "none")
        tenant = scope["state"].get("tenant") if self._by_tenant else None
        key = (method, route, status, tenant.slug if tenant else "")
        if key not in self._children:
            self._children[key] = (
                REQUESTS.labels(method, route, str(status), key[3]),
                REQUEST_SECONDS.labels(method, route),
            )
        requests, seconds = self._children[key]
        requests.inc()
        seconds.observe(took_s)
        if time.monotonic() - self._gauged_at > _BETWEEN_GAUGES_S:
            self.gauge()

    def gauge(self) -> None:
        """Take down how many connections are in use."""
        self._gauged_at = time.monotonic()
        database = self._deployment.database
        for server, those in (("primary", [database.primary]), ("replica", database.replicas)):
            CONNECTIONS.labels(server, "in_use").set(sum(each.in_use for each in those))
            CONNECTIONS.labels(server, "idle").set(sum(each.idle for each in those))


class Now:
    """Collector of gauges that are kept nowhere."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Sequence[Metric]:
        """Return them."""
        return self._families


def exposition(families: Sequence[Metric]) -> bytes:
    """Return what this process, and its siblings, have counted, and these gauges, in the text format."""
    registry = REGISTRY
    if directory := metrics_directory():
        _forget_dead_processes(Path(directory))
        registry = CollectorRegistry()
        MultiProcessCollector(registry, directory)  # type: ignore[no-untyped-call]
    now = CollectorRegistry()
    now.register(Now(families))
    return generate_latest(registry) + generate_latest(now)


def _forget_dead_processes(directory: Path) -> None:
    """Drop the gauges of processes that ended; what they counted stays counted."""
    for file in directory.glob("gauge_live*_*.db"):
        pid = file.stem.rpartition("_")[2]
        if pid.isdecimal() and not psutil.pid_exists(int(pid)):
            file.unlink(missing_ok=True)
