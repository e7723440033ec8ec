"""`create_app`: the only place where the parts are put together."""

import warnings
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions.base_exceptions import LitestarDeprecationWarning
from litestar.middleware import DefineMiddleware
from litestar.openapi import OpenAPIConfig
from litestar.types import ControllerRouterHandler, Scope

from kernel.auth import Actor
from kernel.boot_checks import API
from kernel.db import Db
from kernel.deployment import Deployment
from kernel.description import with_refusals
from kernel.door import Door
from kernel.health import health_routes
from kernel.late_faults import unmountable
from kernel.mail.demo_page import demo_mail_routes
from kernel.metrics_route import metrics_routes
from kernel.observability import Observed
from kernel.own_routes import OWN_ROUTES
from kernel.plugin import KERNEL_VERSION, LoadedPlugin, discover
from kernel.problems import problem_response
from kernel.reader import JsonDocument, ReaderPage, reader_routes
from kernel.registry import load_registry
from kernel.replicas import is_reading
from kernel.routing import StrictRequest, mount
from kernel.settings import Settings, SettingsError

Lifespan = Callable[[Litestar], AbstractAsyncContextManager[None]]


def create_deployment(settings: Settings, plugins: Sequence[LoadedPlugin] | None = None) -> Deployment:
    """Return the parts of a process, from the installed plugins unless others are given.

    Raises:
        PluginError: A plugin cannot be part of this deployment.
        SettingsError: A part cannot be made as the settings say.
    """
    found = discover(settings.plugins) if plugins is None else plugins
    registry, _ = load_registry(found, settings.on_bad_plugin)
    try:
        return Deployment(settings, registry)
    except ValueError as error:
        raise SettingsError(str(error)) from error


@asynccontextmanager
async def opened(settings: Settings, plugins: Sequence[LoadedPlugin] | None = None) -> AsyncIterator[Deployment]:
    """Give the parts of a process, open for as long as the block lasts; for commands, workers and tests."""
    deployment = create_deployment(settings, plugins)
    try:
        await deployment.open()
        yield deployment
    finally:
        await deployment.close()


def create_app(deployment: Deployment, lifespan: Sequence[Lifespan] = ()) -> Litestar:
    """Return the web application of a deployment.

    Args:
        deployment: Closed by the application when it stops.
        lifespan: What else runs as long as the application, such as the embedded worker.

    Raises:
        PluginError: A route cannot be mounted, and the deployment refuses bad plugins.
    """

    def assemble() -> Litestar:
        routes: list[ControllerRouterHandler] = [
            Router(API, route_handlers=[with_refusals(each) for each in OWN_ROUTES]),
            *mount(deployment.registry),
        ]
        routes += [*health_routes(deployment), *metrics_routes(deployment)]
        routes += [*reader_routes(), *demo_mail_routes(deployment)]
        return _assemble(deployment, routes, lifespan)

    try:
        return assemble()
    except Exception:
        guilty = list(unmountable(deployment.registry, lambda route: _assemble(deployment, [route])))
        if not guilty:
            raise
        for fault in guilty:
            deployment.registry.leave_out(fault, deployment.settings.on_bad_plugin)
        return assemble()


def _assemble(
    deployment: Deployment, routes: Sequence[ControllerRouterHandler], lifespan: Sequence[Lifespan] = ()
) -> Litestar:
    @asynccontextmanager
    async def open_deployment(_app: Litestar) -> AsyncIterator[None]:
        await deployment.open()
        try:
            yield
        finally:
            await deployment.close()

    async def provide_db(scope: Scope, actor: Actor) -> AsyncIterator[Db]:  # noqa: ARG001 - see below
        """Open the request's transaction with its first statement; commit it before the answer starts."""
        # It asks for the actor so that the two are provided one after the other: side by side costs a task group.
        state = scope["state"]
        async with deployment.database.transaction(
            state["origin"],
            state["tenant"],
            read_only=is_reading(scope["route_handler"]),
            replica=state.get("replica"),
        ) as db:
            yield db

    def provide_actor(scope: Scope) -> Actor:
        return scope["user"]  # type: ignore[no-any-return]

    with warnings.catch_warnings():
        # Handlers name their parameters plainly, as Litestar 2 infers them; 3, which the pin keeps out, wants marks.
        warnings.simplefilter("ignore", LitestarDeprecationWarning)
        return Litestar(
            route_handlers=routes,
            middleware=[DefineMiddleware(Door, deployment=deployment)],
            dependencies={
                "db": Provide(provide_db),
                "actor": Provide(provide_actor, sync_to_thread=False),
            },
            request_class=StrictRequest,
            exception_handlers={Exception: problem_response},
            openapi_config=OpenAPIConfig(
                title="Collegium",
                version=KERNEL_VERSION,
                # Whoever asks sees the same, so a stale cookie is no reason to refuse.
                openapi_router=Router(
                    "/schema", route_handlers=[], opt={"credential_ignored": True}, include_in_schema=False
                ),
                use_handler_docstrings=True,
                render_plugins=[ReaderPage(), JsonDocument()],
                create_examples=False,
            ),
            lifespan=[open_deployment, *lifespan],
            state=State({"deployment": deployment}),
            request_max_body_size=deployment.settings.max_body_bytes,
            logging_config=None,
        )


def served(app: Litestar) -> Any:
    """Return the application as a server runs it, with request ids, headers and the access log around it."""
    return Observed(app, app.state.deployment)
