"""The HTTP routes of polls."""

from uuid import UUID

from litestar import MediaType, delete, get, patch, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody

from kernel.auth import Actor, requires
from kernel.db import Db
from kernel.kept_answers import kept
from kernel.routing import Limit, Offset, Page
from polls import actions, queries
from polls.permissions import MANAGE, READ, VOTE
from polls.schemas import (
    CreatePollRequest,
    PollCard,
    PollDetails,
    PollResults,
    RemarkCard,
    UpdatePollRequest,
    VoteRequest,
)


@get("/polls", guards=[requires(READ)], opt=kept(queries.LIST), operation_id="polls_list")
async def list_polls(db: Db, limit: Limit = 20, offset: Offset = 0) -> Page[PollCard]:
    """List the polls, newest first."""
    return await queries.poll_page(db, limit=limit, offset=offset)


@post("/polls", guards=[requires(MANAGE)], operation_id="polls_create")
async def create_poll(db: Db, actor: Actor, data: JSONBody[CreatePollRequest]) -> PollDetails:
    """Make a poll."""
    return await queries.poll_details(db, actor, await actions.create_poll(db, actor, data))


@get("/polls/{poll_id:uuid}", guards=[requires(READ)], operation_id="polls_get")
async def get_poll(db: Db, actor: Actor, poll_id: FromPath[UUID]) -> PollDetails:
    """Show a poll with its options and your own vote."""
    return await queries.poll_details(db, actor, poll_id)


@patch("/polls/{poll_id:uuid}", guards=[requires(MANAGE)], operation_id="polls_update")
async def update_poll(db: Db, actor: Actor, poll_id: FromPath[UUID], data: JSONBody[UpdatePollRequest]) -> PollDetails:
    """Change a poll."""
    await actions.update_poll(db, actor, poll_id, data)
    return await queries.poll_details(db, actor, poll_id)


@delete("/polls/{poll_id:uuid}", guards=[requires(MANAGE)], operation_id="polls_delete")
async def delete_poll(db: Db, actor: Actor, poll_id: FromPath[UUID]) -> None:
    """Remove a poll with its votes."""
    await actions.delete_poll(db, actor, poll_id)


@post("/polls/{poll_id:uuid}/vote", status_code=200, guards=[requires(VOTE)], operation_id="polls_vote")
async def vote(db: Db, actor: Actor, poll_id: FromPath[UUID], data: JSONBody[VoteRequest]) -> PollDetails:
    """Vote, once and for good."""
    await actions.vote(db, actor, poll_id, data)
    return await queries.poll_details(db, actor, poll_id)


@post("/polls/{poll_id:uuid}/close", status_code=200, guards=[requires(MANAGE)], operation_id="polls_close")
async def close_poll(db: Db, actor: Actor, poll_id: FromPath[UUID]) -> PollDetails:
    """End the voting now."""
    await actions.close_poll(db, actor, poll_id)
    return await queries.poll_details(db, actor, poll_id)


@get("/polls/{poll_id:uuid}/results", guards=[requires(READ)], operation_id="polls_results")
async def results(db: Db, actor: Actor, poll_id: FromPath[UUID]) -> PollResults:
    """Show how often each option was chosen, once this may be seen."""
    return await queries.poll_results(db, actor, poll_id)


@get("/polls/{poll_id:uuid}/remarks", guards=[requires(MANAGE)], operation_id="polls_remarks")
async def list_remarks(
    db: Db, actor: Actor, poll_id: FromPath[UUID], limit: Limit = 20, offset: Offset = 0
) -> Page[RemarkCard]:
    """List what voters said to who asked."""
    return await queries.remark_page(db, actor, poll_id, limit=limit, offset=offset)


@get(
    "/polls/{poll_id:uuid}/results.txt",
    media_type=MediaType.TEXT,
    guards=[requires(READ)],
    operation_id="polls_results_text",
)
async def results_as_text(db: Db, actor: Actor, poll_id: FromPath[UUID]) -> str:
    """Show the results as lines of text."""
    found = await queries.poll_results(db, actor, poll_id)
    return "\n".join([found.question, *(f"{option.votes:>6}  {option.label}" for option in found.options), ""])


ROUTES: tuple[HTTPRouteHandler, ...] = (
    list_polls,
    create_poll,
    get_poll,
    update_poll,
    delete_poll,
    vote,
    close_poll,
    results,
    list_remarks,
)
ROOT_ROUTES: tuple[HTTPRouteHandler, ...] = (results_as_text,)
