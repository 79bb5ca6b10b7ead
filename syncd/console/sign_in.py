"""Entering and leaving: a link's button, a proxy's word, the cookie of a session, and the page about oneself."""

import hmac
import secrets
from http import HTTPStatus
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from flask import Request, Response, redirect

from syncd.console.access import Access, Role, hash_of
from syncd.console.guard import Names
from syncd.console.visit import Identity, Parts, Visit
from syncd.core.texts import clean_text

ZONE = "syncd-zone"
PROXY_SECRET = "X-Syncd-Proxy"  # noqa: S105 - a header's name
_LONGEST_NAME = 100
_PER_PROCESS = secrets.token_bytes(32)
"""Forms of people whom a proxy names are signed with this: they have no cookie of ours."""
_YEAR = 365 * 86400


def cookie_of(names: Names, host: str) -> tuple[str, bool]:
    """Return the name of the session's cookie for a `Host`, and True if it is Secure.

    Cookies are shared between ports, so a plain one has the port in its name. Not every browser takes a Secure one over http.
    """
    origin = names.origin(host)
    if origin.startswith("https:"):
        return "__Host-syncd", True
    return f"syncd-{urlsplit(origin).port or 80}", False


def identify(parts: Parts, request: Request) -> Identity | None:
    """Return who asks, by the proxy's header or by the cookie; None for somebody who has not entered."""
    if parts.console.proxy is not None and (found := _by_proxy(parts, request)):
        return found
    name, _ = cookie_of(parts.names, request.host)
    secret = request.cookies.get(name, "")
    session = parts.access.find(secret) if secret else None
    if session is None:
        return None
    return Identity(session.name, session.role, session.key, secret.encode(), session)


def _by_proxy(parts: Parts, request: Request) -> Identity | None:
    proxy = parts.console.proxy
    if proxy is None or not (name := request.headers.get(proxy.user_header, "").strip()):
        return None
    wanted = proxy.secret.get_secret_value() if proxy.secret else ""
    given = request.headers.get(PROXY_SECRET, "")
    believed = (
        hmac.compare_digest(wanted.encode(), given.encode(errors="replace")) if wanted else parts.by_socket
    )
    if not believed:
        parts.log.warning(
            "console_proxy_not_believed", sentence="A request named a user, and did not come from the proxy."
        )
        return None
    name = clean_text(name)[:_LONGEST_NAME]
    role: Role = "operator" if name in proxy.operators else "viewer"
    secret = hmac.new(_PER_PROCESS, name.encode(), "sha256").digest()
    return Identity(name, role, hash_of(secret.hex()), secret)


def ask(visit: Visit, token: str) -> Response:
    """Show the button that uses a link up. It reads nothing: scanners of messages follow links, and must not use them up."""
    return visit.page("enter.html", entry=f"/enter/{token}")


def enter(visit: Visit, token: str) -> Response:
    """Use a link up, and begin a session."""
    parts = visit.parts
    wait = max(parts.wrong_tokens.wait(visit.peer), parts.wrong_tokens_of_all.wait(""))
    if wait:
        return too_many(visit, wait)
    secret = parts.access.use_link(token, visit.peer, parts.console.session)
    if secret is None:
        parts.wrong_tokens.count(visit.peer)
        parts.wrong_tokens_of_all.count("")
        parts.log.warning("console_entry_refused", peer=visit.peer)
        what = "A link is good once, and for ten minutes."
        return visit.sentence(
            HTTPStatus.FORBIDDEN, "This link is not good any more.", what, "syncd console link"
        )
    if visit.identity and visit.identity.session:
        parts.access.end(key=visit.identity.key)
    session = parts.access.find(secret)
    parts.log.info("console_entered", peer=visit.peer, role=session.role if session else "")
    name, secure = cookie_of(parts.names, visit.request.host)
    answer = redirect("/", HTTPStatus.SEE_OTHER)
    lasts = int(session.until - session.began) if session else None
    # Lax: with Strict whoever comes from an alert in a chat would seem not to have entered
    answer.set_cookie(name, secret, max_age=lasts, secure=secure, httponly=True, samesite="Lax")
    return answer  # type: ignore[return-value]


def leave(visit: Visit) -> Response:
    """End the session."""
    if visit.who.session is not None:
        visit.parts.access.end(key=visit.who.key)
    name, secure = cookie_of(visit.parts.names, visit.request.host)
    visit.identity = None
    answer = visit.sentence(
        HTTPStatus.OK, "You have left.", "To come back, ask for a new link.", "syncd console link"
    )
    answer.delete_cookie(name, secure=secure, httponly=True, samesite="Lax")
    return answer


def more(visit: Visit) -> Response:
    """Show who one is, until when, and the choice of a zone."""
    zones = sorted(available_timezones())
    return visit.page(
        "more.html", session=visit.who.session, zones=zones, chosen_zone=visit.zone, here="more"
    )


def set_zone(visit: Visit) -> Response:
    """Keep the zone that somebody chose in a cookie of theirs."""
    zone = visit.request.form.get("zone", "")
    if zone not in available_timezones():
        return visit.sentence(
            HTTPStatus.BAD_REQUEST, "There is no such time zone.", "Choose one of the list."
        )
    visit.notice(f"Times are shown in {zone} from now on.")
    _, secure = cookie_of(visit.parts.names, visit.request.host)
    answer = redirect("/more", HTTPStatus.SEE_OTHER)
    answer.set_cookie(ZONE, zone, max_age=_YEAR, secure=secure, httponly=True, samesite="Lax")
    return answer  # type: ignore[return-value]


def zone_of(request: Request, usual: str) -> str:
    """Return the zone of the cookie if there is such a one; else the usual one."""
    chosen = request.cookies.get(ZONE, "")
    return chosen if chosen in available_timezones() else usual


def too_many(visit: Visit, wait: float) -> Response:
    """Answer to somebody who asks too often."""
    answer = visit.sentence(
        HTTPStatus.TOO_MANY_REQUESTS,
        "Too many requests.",
        f"Try again in {int(wait) + 1} s; nothing was done.",
    )
    answer.headers["Retry-After"] = str(int(wait) + 1)
    return answer


def keep_in_use(access: Access, identity: Identity | None, *, refresh: bool) -> None:
    """Note that a session is used. A page that refreshes by itself counts for a viewer's only: a wall screen stays."""
    session = identity.session if identity else None
    if session is not None and not (refresh and session.role == "operator"):
        access.use(session)
