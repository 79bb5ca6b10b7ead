"""The pages of what was set aside: all reasons, and the leads of one."""

from collections.abc import Callable
from http import HTTPStatus
from itertools import islice

from flask import Response

from syncd.console.pages.stuck import PAGE, SHOWN, groups_of, verdict
from syncd.console.screens import trouble
from syncd.console.visit import Visit
from syncd.ledger import history, overview
from syncd.ledger.overview import Cause, Rejections


def stuck(visit: Visit) -> Response:
    """Show every reason for which something was set aside."""
    wanted = visit.request.args.get("connector", "").strip()[:64]
    return _page(visit, lambda it: not wanted or it.where == wanted, SHOWN, wanted=wanted)


def group(visit: Visit, kind: str, where: str, code: str) -> Response:
    """Show one group, with a page of its leads."""
    return _page(visit, lambda it: (it.kind, it.where, it.code) == (kind, where, code), PAGE, one=True)


def _page(
    visit: Visit, is_wanted: Callable[[Cause], bool], shown: int, *, wanted: str = "", one: bool = False
) -> Response:
    reading = visit.look()
    if reading.trouble is not None:
        return trouble(visit, *reading.trouble)
    masked, settings = visit.who.role != "operator", visit.parts.settings
    page = min(max(visit.request.args.get("page", 0, type=int), 0), 10**6) if one else 0
    with visit.parts.readings.reading() as connection:
        causes = [it for it in overview.causes(connection) if is_wanted(it)]
        newest = history.newest_action(connection)

        def rows(it: Cause) -> list[overview.RejectedRow]:
            found = overview.rejected_rows(connection, Rejections(it.kind, it.where, it.code))
            return list(islice(found, page * shown, (page + 1) * shown))

        groups = groups_of(causes, settings, rows, masked=masked)
    if one and not groups:
        what = "Somebody may have retried or dropped it already."
        return visit.sentence(HTTPStatus.NOT_FOUND, "Nothing is stuck for this reason.", what)
    more = one and (page + 1) * shown < causes[0].n
    return visit.page(
        "stuck.html", verdict=verdict(causes), groups=groups, newest=newest, one=one, wanted=wanted, reading=reading,
        names=[*settings.connectors, *settings.sources], here="stuck",
        next_page=f"{visit.request.path}?page={page + 1}" if more else "",
    )  # fmt: skip
