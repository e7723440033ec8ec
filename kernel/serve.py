"""`collegium serve`: the stack if it is embedded, migrations, demonstration data, then the web server."""

import asyncio
import gc
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, contextmanager
from functools import partial
from typing import Any

import msgspec
import uvicorn
from litestar import Litestar
from rich.console import Console
from rich.progress import Progress
from uvicorn.supervisors import Multiprocess

from kernel.answer_headers import standing_headers
from kernel.app import create_app, create_deployment, opened, served
from kernel.db import Origin
from kernel.demo import DemoSize, DemoStep
from kernel.deployment import Deployment
from kernel.embedded import DEMO_MARKER, running_stack
from kernel.late_faults import leave_out_unmigrated, take_stock
from kernel.metrics_route import worker_metrics
from kernel.observability import configure_logging
from kernel.patience import PatientProtocol
from kernel.revisions import faults
from kernel.scratch import scratch_folder
from kernel.settings import LOOPBACK, Settings, SettingsError, export_settings, load_settings, share_metrics
from kernel.tenancy import Tenant
from kernel.tracing import configure_tracing
from kernel.worker import run_worker

console = Console(stderr=True, highlight=False)
DEMO_PASSWORD = "Collegium-demo-1!"  # noqa: S105 - printed at every start of the demo, which is loopback only
DEMO_ACCOUNTS = ("admin@example.com", "instructor@example.com", "student@example.com")


SOME_LEFT_OUT = 1
"""Exit code of a command that did its work for all plugins but the bad ones, which a quarantine leaves out."""


class StartRefused(Exception):
    """The server cannot start; the text says what to do."""


@contextmanager
def ready_settings(settings: Settings) -> Iterator[Settings]:
    """Give settings whose addresses all answer: as they are, or with the embedded stack started and filled in."""
    if not settings.is_embedded:
        yield settings
        return
    marker = settings.data_dir / DEMO_MARKER
    if not settings.secret_keys and not settings.demo and not marker.exists():
        raise SettingsError(
            "COLLEGIUM_SECRET_KEYS is not set. Give one of at least 32 random characters, or try --demo."
        )
    with running_stack(settings.data_dir, on_progress=lambda text: console.print(f"[dim]{text}[/]")) as stack:
        urls = stack.database_urls
        if settings.demo:
            marker.touch()
        yield msgspec.structs.replace(
            settings,
            database_url=urls["app"],
            worker_database_url=urls["worker"],
            operator_database_url=urls["operator"],
            owner_database_url=urls["owner"],
            redis_url=stack.redis_url,
            storage_url=settings.storage_url or stack.storage_dir.resolve().as_uri(),
            secret_keys=settings.secret_keys or (stack.secret_key,),
            embedded_stack=True,
            embedded_worker=True if settings.embedded_worker is None else settings.embedded_worker,
        )


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Raises:
        StartRefused: The port is taken or the address is not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise StartRefused(
            f"Cannot listen on {host} port {port}: {error.strerror}. Choose another with --port."
        ) from None
    listener.setblocking(False)
    return listener


def serve(settings: Settings) -> None:
    """Run the web server until it is told to stop.

    Raises:
        StartRefused: The port is taken, or the accounts of a demonstration would be open to others.
    """
    if settings.is_embedded and settings.host not in LOOPBACK and (settings.data_dir / DEMO_MARKER).exists():
        raise StartRefused(
            f"{settings.data_dir} holds a demonstration, whose accounts are known to everyone: it serves on 127.0.0.1 "
            "only. Give another --data-dir."
        )
    listener = bind(settings.host, settings.port)
    try:
        with ready_settings(settings) as ready, ExitStack() as closing:
            export_settings(ready)
            if ready.workers > 1:
                share_metrics(str(closing.enter_context(scratch_folder("metrics"))))
            notes = asyncio.run(prepare(ready))
            announce(ready, notes)
            run_server(ready, listener)
    finally:
        listener.close()


async def prepare(settings: Settings) -> list[str]:
    """Migrate the embedded database, seed the demonstration data and return the lines to print.

    Raises:
        PluginError: A database of somebody else has pending migrations, or a plugin's routes cannot be mounted.
    """
    async with opened(settings) as deployment:
        chains = deployment.registry.migration_chains()
        if settings.embedded_stack and await faults(settings.database_url, chains):
            await run_itself("migrate")
        await leave_out_unmigrated(deployment)
        if settings.workers > 1:
            # Each of them would fail, again and again, at a route that this process can name once.
            create_app(deployment)
        return await seed_demo(deployment) if settings.demo else []


async def run_itself(command: str) -> None:
    """Run another command in a process of its own, so that what it imports does not stay in the server's memory."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "kernel.cli", command)
    if await process.wait() not in (0, SOME_LEFT_OUT):
        raise StartRefused(f"`collegium {command}` failed; its message stands above.")


def acting_steps(steps: Iterable[DemoStep], tenant: Tenant) -> list[DemoStep]:
    """Return the steps whose plugins act for a tenant."""
    return [step for step in steps if step.plugin in tenant.plugins]


async def seed_demo(deployment: Deployment, size: DemoSize = "small") -> list[str]:
    """Make the demonstration data of each plugin that acts in the default tenant; return the lines to print.

    What is large comes after all that is small, and each step is committed, so that a later run goes on.
    """
    tenant = await deployment.tenants.by_slug(deployment.settings.default_tenant)
    sizes = ("small",) if size == "small" else ("small", "large")
    steps = [
        step for each in sizes for step in acting_steps(deployment.registry.demo_steps, tenant) if step.size == each
    ]
    notes: list[str] = []
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("demonstration data", total=len(steps))
        for step in steps:
            progress.update(bar, description=f"demonstration data: {step.name}")
            async with deployment.database.transaction(Origin(tenant.id, request_id="seed-demo"), tenant) as db:
                await step.run(db)
            if step.notes is not None:
                async with deployment.database.transaction(Origin(tenant.id), tenant) as db:
                    notes += await step.notes(db)
            progress.advance(bar)
    return notes


def announce(settings: Settings, notes: Sequence[str]) -> None:
    """Print where the server is and, for the demo, how to get in."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    console.print(f"\nCollegium is at http://{host}:{settings.port}  (the API: /schema)", soft_wrap=True)
    if settings.demo:
        console.print(f"Sign in as {', '.join(DEMO_ACCOUNTS)}; password {DEMO_PASSWORD}", soft_wrap=True)
        if not settings.smtp_url:
            console.print(f"Mails are shown at http://{host}:{settings.port}/admin/mail", soft_wrap=True)
    for line in notes:
        console.print(line, soft_wrap=True)
    console.print("Ctrl-C stops it.\n")


def server_config(app: Any, settings: Settings) -> uvicorn.Config:
    """Return how the web server treats connections."""
    return uvicorn.Config(
        app,
        factory=isinstance(app, str),
        workers=settings.workers,
        loop="uvloop",
        http=partial(PatientProtocol, standing=standing_headers(settings)),  # type: ignore[arg-type]
        access_log=False,
        log_config=None,
        # Addresses of clients are believed only from `trusted_proxies`, and that is decided in `kernel.door`.
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=30,
        # A process that is still importing on a busy machine is not a dead one; a stop may wait as long for it.
        timeout_worker_healthcheck=20,
        timeout_graceful_shutdown=20,
        backlog=2048,
    )


def run_server(settings: Settings, listener: socket.socket) -> None:
    """Serve in this process, or in several that this one supervises."""
    configure_logging(settings)
    configure_tracing(settings)
    if settings.workers == 1:
        deployment = create_deployment(settings)
        uvicorn.Server(server_config(worker_app(deployment), settings)).run(sockets=[listener])
        return
    config = server_config("kernel.serve:app_from_environment", settings)
    Supervisor(config, sockets=[listener]).run()


class Supervisor(Multiprocess):
    """Starts the server processes, and others for those that end."""

    def terminate_all(self) -> None:
        """Stop them all; nobody waits at our own copy of the socket, from which nobody takes connections any more."""
        for each in self.sockets:
            each.close()
        super().terminate_all()


class SideServer(uvicorn.Server):
    """A server beside the process's real work, which hears the signals itself."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the process."""
        yield


@asynccontextmanager
async def telling_metrics(deployment: Deployment) -> AsyncIterator[None]:
    """Answer `/metrics` at the port of a worker, if it has one.

    Raises:
        StartRefused: The port is taken.
    """
    settings = deployment.settings
    if not settings.metrics_port:
        yield
        return
    listener = bind(settings.host, settings.metrics_port)
    server = SideServer(server_config(worker_metrics(deployment), settings))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await serving
        listener.close()


def embedded_worker(deployment: Deployment) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    """Return the lifespan that runs background work inside the server."""

    @asynccontextmanager
    async def run(_app: Litestar) -> AsyncIterator[None]:
        stop = asyncio.Event()
        task = asyncio.create_task(run_worker(deployment, stop))
        try:
            yield
        finally:
            stop.set()
            await task

    return run


def migrated(deployment: Deployment) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    """Return the lifespan that leaves out what the database is not ready for, before the first request."""

    @asynccontextmanager
    async def check(_app: Litestar) -> AsyncIterator[None]:
        await take_stock(deployment)
        yield

    return check


def worker_app(deployment: Deployment) -> Any:
    """Return the served application, with background work inside if the settings say so."""
    lifespan = [migrated(deployment)]
    if deployment.settings.embedded_worker:
        lifespan.append(embedded_worker(deployment))
    app = served(create_app(deployment, lifespan))
    # What exists by now stays: looking through it again and again cost a tenth of each request's processor time.
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)
    return app


def app_from_environment() -> Any:
    """Return the application for one of several server processes, started with `COLLEGIUM_*` variables."""
    settings = load_settings()
    configure_logging(settings)
    configure_tracing(settings)
    return worker_app(create_deployment(settings))
