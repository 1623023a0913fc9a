"""The application of one worker: its paths, and what they share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from infra.api.answers.rejected import Rejected
from infra.api.answers.routes import Answers
from infra.api.delivery import Delivery
from infra.api.errors import AnswerError
from infra.api.front import Front
from infra.api.ingest.encoded import Encoded
from infra.api.ingest.events import Ingest
from infra.api.ingest.rest_proxy import RestProxy
from infra.api.keys.access import Access
from infra.api.keys.capability import Capabilities
from infra.api.keys.keyring import Keyring
from infra.api.metrics import Metrics
from infra.api.page.session import Sessions
from infra.api.page.views import Pages
from infra.api.recorder import Recorder
from infra.api.relay import Relay
from infra.api.store.pool import Asked, Bounds, Nowhere, Pool
from infra.api.store.remote import Address, Remote
from infra.api.wire.answers import answer, on_answer_error, on_fault, on_http_error
from infra.api.wire.body import BodyLimits
from infra.api.work import Work
from infra.sink import kafka
from infra.sink.dsn import Dsn

_UNAVAILABLE = 503
_DESCRIPTION = Path(__file__).parent / "_generated/openapi.yaml"


@dataclass(frozen=True, slots=True)
class Options:
    """How a worker serves.

    Attributes:
        keys: the file of API keys.
        body: the limits of a body.
        events_per_second: of one key, in one worker; 0 for any number.
        relay_seconds: how long Kafka may take for requests that wait for it.
        store: where usage is read from: a server, the process that owns a folder, or nowhere.
        questions: how many questions a server is asked at once, and how long each may take.
    """

    keys: Path
    body: BodyLimits
    events_per_second: float = 0
    relay_seconds: float = 30
    store: Dsn | Address | None = None
    questions: Bounds = field(default_factory=Bounds)


def create(options: Options, is_stopping: Callable[[], bool] = lambda: False) -> Front:
    """Returns the application; it opens its recorder when the server starts it."""
    recorder = Recorder.open()
    metrics = Metrics(recorder.spool_share)
    recorder.on_taken = lambda events: metrics.count("taken", by=events)
    relay = Relay(kafka.connection(None), options.relay_seconds)
    keyring = Keyring(options.keys)
    access = Access(keyring, options.events_per_second)
    work = Work()
    ingest = Ingest(access, recorder, Delivery(recorder, options.relay_seconds), options.body, work)
    encoded = Encoded(access, relay, options.body, work)
    store = _open(options)
    answers = Answers(access, store, Rejected(kafka.connection(None)))
    pages = Pages(Sessions(keyring), answers)
    proxy = RestProxy(access, Capabilities(keyring), recorder, options.body, work)

    async def healthz(request: Request) -> Response:
        return answer(request, {"status": "ok"})

    async def openapi(_: Request) -> Response:
        return Response(_DESCRIPTION.read_bytes(), media_type="application/yaml")

    async def readyz(request: Request) -> Response:
        reason = "shutting down" if is_stopping() else recorder.problem()
        if reason:
            return answer(request, {"status": "not ready", "reason": reason}, _UNAVAILABLE)
        return answer(request, {"status": "ready"})

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await run_in_threadpool(answers.close)
        if isinstance(store, Pool):
            store.close()
        await run_in_threadpool(work.close)
        await run_in_threadpool(relay.close)
        await run_in_threadpool(recorder.close)

    taking = {
        "/v1/events": ingest.take,
        "/v1/events/encoded": encoded.take,
        "/api/v1/events": ingest.take_cloudevents,
    }
    router = Starlette(
        # In the order in which they are looked up. Those that take events are answered in front.
        routes=[
            *(Route(path, endpoint, methods=["POST"]) for path, endpoint in taking.items()),
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/openapi.yaml", openapi),
            Route("/metrics", metrics.answer),
            *(Route(path, endpoint) for path, endpoint in answers.paths()),
            Route("/metering/v1alpha1/customer-accounts/tenant/{tenant:path}", proxy.find_account),
            *(Route(path, page, methods=methods) for path, page, methods in pages.paths()),
            Route("/topics/{topic}", proxy.produce, methods=["POST"]),
        ],
        exception_handlers={
            AnswerError: on_answer_error,
            HTTPException: on_http_error,
            Exception: on_fault,
        },
        lifespan=lifespan,
    )
    router.state.metrics = metrics
    return Front(taking, router, metrics)


def _open(options: Options) -> Asked:
    match options.store:
        case Address() as address:
            return Remote(address)
        case Dsn() as dsn:
            return Pool(dsn, options.questions)
        case None:
            return Nowhere()
