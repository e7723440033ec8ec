"""A page, from what its handler returned: the shell around it, the slots filled, drawn after the database is left."""

import gzip
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import structlog
from litestar import Request, Response
from litestar.datastructures import Cookie
from msgspec import Struct

from kernel.auth import Actor
from kernel.db import Db
from kernel.errors import DomainError, NotFound
from plugins.portal.shell import LANGUAGE_COOKIE, may_see, shell_of
from plugins.portal.site import site_of

Shown: TypeAlias = tuple[str, Mapping[str, Any]] | Response[Any]
"""The name of a template and its values; or an answer as it is, such as a redirect."""
PLUGIN = "portal"
_YEAR_S = 365 * 24 * 3600
log = structlog.get_logger(__name__)


class Part(Struct, frozen=True):
    """What fills a slot: a template and what it finds in `part`; without a template it could not be made."""

    template: str
    values: Mapping[str, Any]
    styles: Sequence[str] = ()


async def draw(
    request: Request[Any, Any, Any], db: Db, actor: Actor, shown: Shown, slots: Sequence[str] = ()
) -> Response[Any]:
    """Return a page.

    Raises:
        NotFound: The tenant has no portal.
    """
    if PLUGIN not in db.tenant.plugins:
        raise NotFound
    if isinstance(shown, Response):
        return shown
    template, values = shown
    shell = await shell_of(request, db, actor)
    filled = {name: await _parts(db, actor, name, values.get("subject")) for name in slots}
    await db.release()
    site = site_of(db.deployment)
    styles = dict.fromkeys(name for parts in filled.values() for part in parts for name in part.styles)
    around = {"shell": shell, "slots": filled, "part_styles": styles}
    page = site.environment(shell.locale).get_template(template).render({**around, **values})
    packed, headers = _packed(request, page, is_known=shell.person is not None)
    return Response(packed, media_type="text/html", headers=headers, cookies=_language_cookies(request, shell.locale))


def _packed(request: Request[Any, Any, Any], page: str, *, is_known: bool) -> tuple[bytes, dict[str, str]]:
    """Return a page as it is sent, compressed unless that could tell somebody else what it holds.

    Another site may open our pages with words of its own in the address, and learn from the length of the answer what
    stands on them (BREACH): where a person is signed in, only what they themselves or our pages ask for is compressed.
    """
    content, headers = page.encode(), {"Vary": "Accept-Encoding, Sec-Fetch-Site"}
    is_ours = not is_known or request.headers.get("sec-fetch-site") in ("same-origin", "none")
    if is_ours and "gzip" in request.headers.get("accept-encoding", ""):
        return gzip.compress(content, 4, mtime=0), {**headers, "Content-Encoding": "gzip"}
    return content, headers


async def _parts(db: Db, actor: Actor, slot: str, subject: Any) -> list[Part]:
    given = [each.item for each in db.tenant.contributions("register_slots")]
    given = [each for each in given if each.slot == slot and may_see(each.access, actor, each.scope)]
    parts = []
    for item in sorted(given, key=lambda each: each.order):
        try:
            filling = await item.fill(db, actor, subject)
        except DomainError as error:
            log.warning("slot.failed", slot=slot, reason=error.detail)
            filling = ("portal/failed_part.html", {})
        except Exception:
            # Pages only read: what comes after a fault of the database begins another transaction.
            log.exception("slot.failed", slot=slot)
            await db.release()
            filling = ("portal/failed_part.html", {})
        if filling is not None:
            name, values = filling
            parts.append(Part(name, values, item.styles))
    return parts


def _language_cookies(request: Request[Any, Any, Any], locale: str) -> list[Cookie]:
    """Return the cookie by which a visitor's choice of language is kept."""
    if request.query_params.get("lang") != locale:
        return []
    secure = request.scope["state"]["arrival"].is_secure
    return [Cookie(LANGUAGE_COOKIE, value=locale, path="/", max_age=_YEAR_S, samesite="lax", secure=secure)]
