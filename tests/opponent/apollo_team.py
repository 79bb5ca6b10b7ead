"""The team behind Apollo's contacts: the key, the windows of limits, lists, custom fields, and error bodies."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from tests.opponent.crm import WAF_PAGE, Answer, Call, Crm, Record, RefuseError, gateway, stamp

TEXTS = frozenset(
    [
        "first_name",
        "last_name",
        "email",
        "title",
        "primary_title",
        "organization_name",
        "website_url",
        "linkedin_url",
        "twitter_url",
        "facebook_url",
        "photo_url",
        "phone",
        "present_raw_address",
        "direct_phone",
        "corporate_phone",
        "mobile_phone",
        "home_phone",
        "other_phone",
        "salesforce_lead_id",
        "salesforce_contact_id",
        "hubspot_vid",
        "hubspot_id",
        "salesforce_id",
        "person_id",
    ]
)
FIELD_TYPES = {"string", "textarea", "number", "date", "datetime", "boolean", "picklist", "multipicklist"}
# Minute, hour and day of the plans, as the pricing page of the API has them
PLANS = {"free": (50, 200, 600), "basic": (200, 400, 2000), "professional": (200, 600, 6000)}
WINDOWS = (("minute", 60), ("hour", 3600), ("day", 86_400))
HEADERS = ("minute", "hourly", "24-hour")


class Team(Crm):
    """An Apollo team without its contacts."""

    ROUTES: tuple[tuple[str, str, str], ...] = ()

    def __init__(self, seed: int, now: Callable[[], datetime], *, api_key: str) -> None:
        super().__init__(seed, now)
        self.api_key = api_key
        self.labels: dict[str, str] = {}
        self.fields: dict[str, dict[str, Any]] = {}
        self.stage = f"{seed & 0xFFFF:04x}{1:020x}"
        self._dropped: list[tuple[str, str]] = []
        self._unshared: dict[str, datetime] = {}
        self._echo: dict[str, Any] = {}
        draw = self.readings.draw
        draw("plan", ("basic", "professional", "professional", "free"))
        # An unlimited window has an empty header, or none
        draw("limit_headers", ("full", "full", "day empty", "absent"))
        draw("error_shape", ("error", "error", "message", "error_message", "errors", "text"))
        draw("label_exists", ("Label name has already been taken", "A list with this name already exists"))
        draw("field_answer", ("bare", "typed_custom_fields"))

    # -- the door

    def answer(self, call: Call) -> Answer:
        """Answer one call: the key, the windows, then the route."""
        if call.headers.get("x-api-key") != self.api_key:
            return Answer(401, "Invalid API key. See https://docs.apollo.io/docs/create-api-key.")
        for method, pattern, name in self.ROUTES:
            found = re.fullmatch(pattern, call.path.rstrip("/"))
            if found and method == call.method:
                endpoint = (
                    f"api/v1/{call.path.partition('v1/')[2]}"
                    if not found.groups()
                    else "api/v1/contacts/show"
                )
                too_many = self._limits(endpoint)
                if too_many:
                    return too_many
                answer: Answer = getattr(self, name)(call, *found.groups())
                answer.headers |= self._limit_headers(endpoint)
                return answer
        return Answer(404, {"error": "Not Found"})

    def body(self, call: Call) -> dict[str, Any]:
        """Return the body as an object; an empty one is an empty object."""
        body = call.json()
        if body is None and call.raw:
            raise RefuseError(400, "error_message", "Malformed JSON")
        return body if isinstance(body, dict) else {}

    def unprocessable(self, message: str, *, identity: str = "", **more: Any) -> RefuseError:
        """Build a 422 in the shape of this seed."""
        if identity:
            self.note(identity, 422, message)
        return RefuseError(422, str(self.readings["error_shape"]), message, context=more)

    def _refused_call(self, no: RefuseError) -> Answer:
        if no.page:
            return Answer(403, WAF_PAGE.format(n=self.number())) if no.status == 403 else gateway(no.status)
        if no.status == 429:
            return self._too_many("api/v1/contacts", "minute", 200, 60)
        bodies: dict[str, Any] = {
            "message": {"message": no.message},
            "error_message": {"error_message": no.message},
            "errors": {"errors": [no.message]},
            "text": no.message,
            "details": {
                "error": "Validation failed",
                "error_details": [{"field": "base", "message": no.message}],
            },
        }
        body = bodies.get(no.code, {"error": no.message})
        return Answer(no.status, body | no.context if isinstance(body, dict) else body)

    def fault(self, name: str, call: Call) -> Answer:
        """Build the answer of a named fault."""
        detail = name.rpartition(" ")[2]
        fixed = {
            "401": lambda: Answer(401, "Invalid API key. See https://docs.apollo.io/docs/create-api-key."),
            "403 waf": lambda: Answer(403, WAF_PAGE.format(n=self.number())),
            "429 text": lambda: Answer(429, "Too Many Requests", {"retry-after": "30"}),
            "200 page": lambda: Answer(200, "<html><body>Apollo is under maintenance</body></html>"),
            "200 empty": lambda: Answer(200, {}),
        }
        if name in fixed:
            return fixed[name]()
        if name.startswith("429"):
            return self._too_many("api/v1" + call.path.partition("v1")[2], detail, 200, 20)
        if detail == "500":
            return Answer(500, {"error": "An error occurred while creating contacts. Please try again."})
        return gateway(int(detail))

    # -- limits, by endpoint, in three windows that open at the first call

    def _limits(self, endpoint: str) -> Answer | None:
        if self._calm:
            return None
        for (name, seconds), limit in zip(WINDOWS, PLANS[str(self.readings["plan"])], strict=True):
            left, wait = self.windows.use(f"{endpoint} {name}", seconds, limit)
            if left < 0:
                return self._too_many(endpoint, name, limit, wait)
        return None

    def _too_many(self, endpoint: str, name: str, limit: int, wait: float) -> Answer:
        said = f"The maximum number of api calls allowed for {endpoint} is {limit} times per {name}. Please upgrade your plan."
        return Answer(
            429, {"message": said}, {"retry-after": str(int(wait) + 1), **self._limit_headers(endpoint)}
        )

    def _limit_headers(self, endpoint: str) -> dict[str, str]:
        how, headers = self.readings["limit_headers"], {}
        if how == "absent":
            return {}
        for (name, seconds), shown, limit in zip(
            WINDOWS, HEADERS, PLANS[str(self.readings["plan"])], strict=True
        ):
            left = self.windows.left(f"{endpoint} {name}", seconds, limit)
            figures = (
                (limit, limit - left, left) if not (how == "day empty" and name == "day") else ("", "", "")
            )
            for key, figure in zip(
                (f"x-rate-limit-{shown}", f"x-{shown}-usage", f"x-{shown}-requests-left"),
                figures,
                strict=True,
            ):
                headers[key] = str(figure)
        return headers

    # -- what a contact looks like

    def shown(self, contact: Record, fields: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Describe a contact as Apollo does."""
        own = dict(contact.fields if fields is None else fields)
        names = (
            "first_name",
            "last_name",
            "email",
            "title",
            "organization_name",
            "linkedin_url",
            "twitter_url",
            "person_id",
        )
        name = " ".join(str(own[n]) for n in names[:2] if own.get(n))
        emails = own.get("contact_emails") or (
            [{"email": own["email"], "position": 0}] if own.get("email") else []
        )
        shown = {n: own.get(n) for n in names} | {"id": contact.id, "name": name, "contact_emails": emails}
        shown |= {
            n: own.get(n)
            for n in ("label_ids", "typed_custom_fields", "contact_stage_id", "owner_id", "account_id")
        }
        shown |= {"created_at": stamp(contact.created), "updated_at": stamp(contact.updated), "source": "api"}
        return shown | {
            "email_status": "unavailable" if not own.get("email") else "verified",
            "existence_level": "full",
        }

    # -- lists

    def label_id(self, name: str) -> str:
        """Return the id of a list, and make the list where it is missing."""
        return self.labels.setdefault(name, f"{0x1AB:08x}{len(self.labels) + 1:016x}")

    def _label(self, contact: Record, names: Any, *, replace: bool) -> None:
        if isinstance(names, list) and names:
            ids = [self.label_id(str(name)) for name in names]
            kept = [] if replace else contact.fields["label_ids"]
            contact.fields["label_ids"] = list(dict.fromkeys([*kept, *ids]))
            contact.index[-1] = (contact.index[-1][0], dict(contact.fields))

    def label_list(self, _: Call) -> Answer:
        """List the lists."""
        return Answer(200, [self._shown_label(name) for name in self.labels])

    def _shown_label(self, name: str) -> dict[str, Any]:
        count = sum(self.labels[name] in c.fields["label_ids"] for c in self.alive())
        return {"id": self.labels[name], "name": name, "modality": "contacts", "cached_count": count}

    def label_create(self, call: Call) -> Answer:
        """Make an empty list."""
        name = str(self.body(call).get("name") or "")
        if not name or name in self.labels:
            raise self.unprocessable(str(self.readings["label_exists"]))
        self.label_id(name)
        return Answer(200, {"label": self._shown_label(name)})

    def label_add(self, call: Call) -> Answer:
        """Put contacts on lists; unknown ids are ignored."""
        body = self.body(call)
        for one in body.get("entity_ids") or []:
            contact = self.records.get(str(one))
            if contact and contact.alive:
                self._label(contact, body.get("label_names"), replace=False)
        return Answer(
            200,
            {
                "labels": [
                    self._shown_label(str(n)) for n in body.get("label_names") or [] if n in self.labels
                ]
            },
        )

    # -- custom fields and the rest

    def define(self, label: str, kind: str = "string") -> str:
        """Make a custom field of contacts; return its id."""
        field = f"{0xF1E:08x}{self.number():016x}"
        self.fields[field] = {
            "id": field,
            "modality": "contact",
            "name": label,
            "label": label,
            "type": kind,
            "source": "custom",
        }
        return field

    def field_list(self, call: Call) -> Answer:
        """List the custom fields."""
        rows = list(self.fields.values())
        name = "typed_custom_fields" if call.path.endswith("typed_custom_fields") else "fields"
        return Answer(200, {name: rows})

    def field_create(self, call: Call) -> Answer:
        """Make a custom field; two fields of one label are possible."""
        body = self.body(call)
        if not body.get("label") or body.get("modality") != "contact" or body.get("type") not in FIELD_TYPES:
            raise self.unprocessable("Parameters misconfigured. label, modality and type are required")
        made = self.fields[self.define(str(body["label"]), str(body["type"]))]
        if self.readings["field_answer"] == "bare":
            return Answer(200, {"field": made})
        return Answer(200, {"typed_custom_fields": [made]})

    def health(self, _: Call) -> Answer:
        """Tell if the key works."""
        return Answer(200, {"healthy": True, "is_logged_in": True})

    def profile(self, _: Call) -> Answer:
        """Tell whose key it is."""
        return Answer(
            200,
            {
                "id": f"{7:024x}",
                "team_id": f"{8:024x}",
                "email": "admin@example.com",
                "first_name": "A",
                "last_name": "D",
            },
        )

    def usage(self, _: Call) -> Answer:
        """Tell what is left of the windows of each endpoint."""
        names = ("contacts/search", "contacts/bulk_create", "contacts")
        rows = {}
        for name in names:
            windows = {}
            for (window, seconds), limit in zip(WINDOWS, PLANS[str(self.readings["plan"])], strict=True):
                left = self.windows.left(f"api/v1/{name} {window}", seconds, limit)
                windows[window] = {"limit": limit, "consumed": limit - left, "left_over": left}
            group, _sep, action = f"api/v1/{name}".rpartition("/")
            rows[f'["{group}", "{action}"]'] = windows
        return Answer(200, rows)

    def stage_list(self, _: Call) -> Answer:
        """List the stages of contacts."""
        return Answer(
            200,
            {
                "contact_stages": [
                    {"id": self.stage, "name": "Cold", "category": "in_progress", "display_order": 0}
                ]
            },
        )

    def user_list(self, _: Call) -> Answer:
        """List the team's users."""
        return Answer(
            200,
            {
                "users": [{"id": f"{7:024x}", "email": "admin@example.com"}],
                "pagination": {"page": 1, "total_pages": 1},
            },
        )
