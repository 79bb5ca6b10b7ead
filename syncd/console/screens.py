"""The pages: each reads what it shows, and hands it to its template."""

from http import HTTPStatus
from urllib.parse import urlencode

from flask import Response

from syncd.console import mask
from syncd.console.pages.activity import MOST, by_day, lines_of
from syncd.console.pages.now import now_page
from syncd.console.readings import act_of
from syncd.console.static_files import FOREVER
from syncd.console.visit import Visit
from syncd.ledger import history

_NEWEST = float("inf")


def static_file(visit: Visit, name: str) -> Response:
    """Serve the stylesheet, the script or the icon, under the name of its content."""
    found = next((it for it in visit.parts.static.values() if it.name == name), None)
    if found is None:
        return visit.sentence(
            HTTPStatus.NOT_FOUND, "There is no such file.", "The console was upgraded: read the page again."
        )
    headers = {"Content-Type": found.type, "Cache-Control": FOREVER, "Vary": "Accept-Encoding"}
    if visit.request.accept_encodings.quality("gzip"):
        return Response(found.compressed, headers=headers | {"Content-Encoding": "gzip"})
    return Response(found.body, headers=headers)


_TROUBLES = {
    "ledger_missing": (
        "No leads yet.",
        "There is no ledger. Check the configuration, then start syncd.",
        "syncd check",
    ),
    "ledger_newer": (
        "syncd was upgraded.",
        "The ledger is newer than this console: restart the console.",
        "",
    ),
}


def trouble(visit: Visit, code: str, detail: str) -> Response:
    """Show why the ledger cannot be read."""
    title, sentence, fix = _TROUBLES.get(code, ("The ledger cannot be read.", detail, ""))
    fix = fix or visit.parts.readings.look().view.fix(code)
    status = HTTPStatus.OK if code == "ledger_missing" else HTTPStatus.SERVICE_UNAVAILABLE
    return visit.sentence(status, title, sentence, fix)


def now(visit: Visit) -> Response:
    """Show what needs a person, and what flows."""
    reading = visit.look()
    if reading.trouble is not None:
        return trouble(visit, *reading.trouble)
    return visit.page("now.html", page=now_page(reading, visit.parts.settings), reading=reading, here="now")


def activity(visit: Visit) -> Response:
    """Show who did what."""
    reading, asked = visit.look(), visit.request.args
    if reading.trouble is not None:
        return trouble(visit, *reading.trouble)
    wanted = {key: asked.get(key, "").strip()[:64] for key in ("who", "verb", "name")}
    before = asked.get("before", type=float) or _NEWEST
    with visit.parts.readings.reading() as connection:
        rows = history.actions(
            connection, MOST, until=before, who=wanted["who"], verb=wanted["verb"], name=wanted["name"]
        )
        people, verbs = history.actors(connection)
    acts = [act_of(row) for row in rows]
    events = []
    if visit.who.role == "operator":
        if not (wanted["verb"] or wanted["name"]):
            events = visit.parts.access.events(MOST, before=before, who=wanted["who"])
    else:
        acts = [mask.act_for_viewer(act) for act in acts]
    lines = lines_of(acts, events)
    older = lines[-1].at if len(lines) == MOST else None
    link = urlencode({**{key: it for key, it in wanted.items() if it}, "before": older})
    names = [*visit.parts.settings.sources, *visit.parts.settings.connectors]
    days = list(by_day(lines, visit.times()))
    return visit.page(
        "activity.html", days=days, older=older, older_link=f"/activity?{link}", wanted=wanted, people=people, verbs=verbs, names=names, reading=reading,
        here="activity",
    )  # fmt: skip
