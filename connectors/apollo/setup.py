"""The fields and lists that Apollo needs before the first lead: `check` looks for them, `setup` makes them."""

from collections.abc import Iterator, Sequence

from connectors.apollo.api import CREATE, SHOW, UPDATE, Api
from connectors.apollo.identity import Shape, field_type, shape
from connectors.apollo.options import DEFAULTS, Settings
from syncd.connector import Change, Finding, Halt, Pause, Refused

_BY_HAND = {
    "field": "Settings, Objects & fields, Contacts: make a custom field {what}. Or give the key the scope api/v1/fields/create",
    "list": "make a list of contacts {what}. Or give the key the scope api/v1/labels/create",
}


def check(api: Api, settings: Settings) -> list[Finding]:
    """Return the findings. This writes nothing and costs no credits."""
    if (unmapped := unsendable(settings)) is not None:
        return [Finding("error", unmapped.code, unmapped.detail)]
    try:
        form = shape(settings.fields, settings.options.key_field, api.fields())
        if settings.options.creates_without_email:
            api.lists()
            api.search("", None, 1)  # a free plan, or a key without this scope, cannot look before it writes
    except (Pause, Halt) as why:
        return [Finding("error", why.code, why.detail)]
    return [*_access(api), *_about(form, settings)] or [
        Finding("ok", "apollo_ready", "the key is accepted, and the fields are there")
    ]


def unsendable(settings: Settings) -> Halt | None:
    """Return the reason why no lead at all could be sent with this mapping; None if some can."""
    if "email" in settings.fields or settings.options.creates_without_email:
        return None
    return Halt(
        "apollo_email_unmapped", "the mapping writes no email, and leads without one are not to be created"
    )


def _access(api: Api) -> Iterator[Finding]:
    """The calls that every lead takes, tried on nobody."""
    for endpoint in (CREATE, SHOW, UPDATE):
        try:
            api.permitted(endpoint)
        except (Pause, Halt) as why:
            yield Finding("error", why.code, why.detail)


def _about(form: Shape, settings: Settings) -> Iterator[Finding]:
    required = [name for name in form.missing if name not in DEFAULTS]
    if required:
        detail = f"Apollo has no custom contact field {', '.join(required)}"
        yield Finding("error", "apollo_field_missing", detail)
    if form.key is None:
        level = "error" if settings.options.creates_without_email else "warning"
        detail = f"Apollo has no custom contact field {settings.options.key_field}, by which syncd knows its contacts"
        yield Finding(level, "apollo_no_key_field", detail)  # type: ignore[arg-type]
    left_out = [name for name in form.missing if name in DEFAULTS and name != settings.options.key_field]
    if left_out:
        detail = f"left out, for Apollo has no such custom contact field: {', '.join(left_out)}"
        yield Finding("warning", "apollo_fields_left_out", detail)


def setup(api: Api, settings: Settings, *, apply: bool) -> Sequence[Change]:
    """The fields and lists that are missing, made if `apply`. Raises Pause or Halt if they cannot be listed."""
    form = shape(settings.fields, settings.options.key_field, api.fields())
    names = list(dict.fromkeys([*([] if form.key else [settings.options.key_field]), *form.missing]))
    lists = api.lists() if settings.options.labels else {}
    changes = [_made(api, "field", name, apply=apply) for name in names]
    return changes + [
        _made(api, "list", name, apply=apply)
        for name in settings.options.labels
        if name.casefold() not in lists
    ]


def _made(api: Api, kind: str, name: str, *, apply: bool) -> Change:
    type_ = field_type(name)
    what = f"custom contact field {name} ({type_})" if kind == "field" else f"list {name}"
    if not apply:
        return Change(what, done=False)
    try:
        if kind == "field":
            api.make_field(name, type_)
        else:
            api.make_list(name)
    except (Halt, Refused) as why:
        by_hand = _BY_HAND[kind].format(what=f"{name} of type {type_}" if kind == "field" else name)
        return Change(what, done=False, by_hand=f"{why.detail}. In Apollo, {by_hand}")
    return Change(what, done=True)
