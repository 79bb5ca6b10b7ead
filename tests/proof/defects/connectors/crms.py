"""Defects of the connectors for HubSpot, Salesforce, Apollo and webhooks."""

import itertools
from contextlib import suppress
from typing import Any

from tests.proof.defects.planting import around, defect, instead

APOLLO = "tests/connectors/apollo/test_apollo_without_email.py"
HUBSPOT = "tests/connectors/hubspot/test_hubspot_"
SALESFORCE = "tests/connectors/salesforce/test_salesforce_"
WEBHOOK = "tests/connectors/webhook/test_webhook_"


def _without(table: str, key: object) -> None:
    """A table of answers that lacks a line."""
    around(table, lambda plain: {it: meaning for it, meaning in plain.items() if it != key})


@defect("I-2", "connectors", f"{HUBSPOT}trouble.py::test_a_row_that_the_answer_forgets_is_not_done")
def hubspot_believes_an_answer_that_forgets_a_contact() -> None:
    """A row that HubSpot's answer does not mention counts as written."""

    def make(plain: Any) -> Any:
        from dataclasses import replace  # noqa: PLC0415

        def read_results(targets: Any, body: Any) -> Any:
            found = plain(targets, body)
            return replace(
                found, done={**dict.fromkeys(found.unmentioned, "0"), **found.done}, unmentioned=frozenset()
            )

        return read_results

    around("connectors.hubspot.identity:read_results", make)


@defect("I-2", "connectors", f"{HUBSPOT}matching.py::test_a_result_is_known_by_its_trace_or_its_key")
def hubspot_reads_an_answer_by_position() -> None:
    """Results are taken in the order of the request, which HubSpot does not keep."""

    def make(plain: Any) -> Any:
        from dataclasses import replace  # noqa: PLC0415

        def read_results(targets: Any, body: Any) -> Any:
            ids = [str(it["id"]) for it in body.get("results", []) if it.get("id")]
            found = plain(targets, body)
            return replace(found, done=dict(zip([target.row.place for target in targets], ids, strict=False)))

        return read_results

    around("connectors.hubspot.identity:read_results", make)


@defect("halt on a refused key", "connectors", f"{HUBSPOT}answers.py::test_a_status_that_is_about_the_lane")
def hubspot_takes_a_revoked_token_for_the_leads_fault() -> None:
    """A 401 is no halt, and the backlog is rejected one by one."""
    _without("connectors.hubspot.errors:_HALTS", 401)


@defect("I-11", "connectors", f"{HUBSPOT}answers.py::test_how_long_a_pause_lasts")
def hubspot_is_not_waited_for_as_it_asks() -> None:
    """`Retry-After` is not read."""
    instead("connectors.hubspot.errors:retry_after", lambda *_: None)


@defect("I-3", "connectors", f"{HUBSPOT}identity.py::test_every_way_of_writing_is_upsert_and_never_create")
def hubspot_creates_instead_of_upserting() -> None:
    """Only that the key is unique over there keeps what is written again from being another contact."""

    def make(plain: Any) -> Any:
        def contacts(self: Any, what: str, body: Any) -> Any:
            return plain(self, "batch/create" if what == "batch/upsert" else what, body)

        return contacts

    around("connectors.hubspot.api:Api.contacts", make)


@defect(
    "I-3", "connectors", f"{HUBSPOT}identity.py::test_a_guessed_address_never_touches_a_strangers_contact"
)
def hubspot_takes_a_guessed_address_for_a_key() -> None:
    """Somebody else's contact is written over, for their address was guessed."""

    def verified(_: Any, delivery: Any) -> str:
        return str(delivery.fields.get("email") or "").strip().lower()

    instead("connectors.hubspot.identity:Plan.verified", verified)


@defect("I-2", "connectors", f"{SALESFORCE}trouble.py::test_an_answer_with_fewer_rows_delivers_nobody")
def salesforce_reads_what_rows_there_are() -> None:
    """An answer with fewer rows than were sent is taken for the first of them, and the rest for done."""

    def make(plain: Any) -> Any:
        def judge_rows(answer: Any, batch: Any) -> Any:
            rows = answer if isinstance(answer, list) else []
            done = {"id": "00Q000000000000AAA", "success": True, "created": True}
            return plain([*rows, *[done] * (len(batch) - len(rows))], batch)

        return judge_rows

    around("connectors.salesforce.errors:judge_rows", make)


@defect("I-2", "connectors", f"{SALESFORCE}trouble.py::test_a_row_that_confirms_nothing_delivers_nobody")
def salesforce_believes_a_success_without_an_id() -> None:
    """A row that names no record counts as written."""

    def make(plain: Any) -> Any:
        return lambda row: plain({"id": "00Q000000000000AAA", **{k: v for k, v in row.items() if v}})

    around("connectors.salesforce.errors:_through", make)


@defect(
    "one renewal",
    "connectors",
    f"{SALESFORCE}session.py::test_a_session_refused_as_soon_as_it_is_given_halts_after_two_calls",
)
def salesforce_signs_in_again_and_again() -> None:
    """A session that is refused as soon as it is given is asked for without end."""

    def make(plain: Any) -> Any:
        from syncd.core.failure import Halt  # noqa: PLC0415

        def call(*given: Any, **named: Any) -> Any:
            for _ in range(3):
                with suppress(Halt):
                    return plain(*given, **named)
            return plain(*given, **named)

        return call

    around("connectors.salesforce.api:Wire.call", make)


@defect(
    "the org's calls",
    "connectors",
    f"{SALESFORCE}session.py::test_no_more_than_our_share_of_the_orgs_calls_is_used_and_they_come_back",
)
def salesforce_spends_all_calls_of_the_org() -> None:
    """`daily_share` is not kept."""
    instead("connectors.salesforce.rate_limit:Budget.spend", lambda _: None)


@defect(
    "one object a person",
    "connectors",
    f"{SALESFORCE}people.py::test_a_record_is_linked_to_one_person_of_a_batch_only",
)
def salesforce_links_two_people_to_one_record() -> None:
    """Of two people with one address, the second takes the record of the first."""
    instead("connectors.salesforce.identity:once_each", list)


@defect("I-3", "connectors", f"{APOLLO}::test_after_an_unknown_outcome_a_minute_passes_and_it_is_found")
def apollo_never_looks_before_it_writes() -> None:
    """A contact without an address whose answer was lost is made again."""
    instead("connectors.apollo.match:Search.look_up", lambda *_: None)


@defect(
    "I-2",
    "connectors",
    "tests/connectors/apollo/test_apollo_contacts.py::test_an_answer_is_read_by_address_and_never_by_position",
)
def apollo_reads_an_answer_by_position() -> None:
    """Contacts are taken in the order of the answer, which is another."""

    def make(_: Any) -> Any:
        from connectors.apollo.identity import Found  # noqa: PLC0415

        def attribute(items: Any, _form: Any, created: Any, existing: Any) -> Any:
            flagged = [(it, True) for it in created] + [(it, False) for it in existing]
            found = [Found(it, created=is_new) for it, is_new in flagged]
            return [*found, *[None] * len(items)][: len(items)]

        return attribute

    around("connectors.apollo.identity:attribute", make)


@defect(
    "halt on a refused key",
    "contract",
    "tests/connectors/apollo/test_apollo_answers.py::test_an_answer_means",
)
def apollo_takes_a_revoked_key_for_an_outage() -> None:
    """A 401 is waited out, and nobody is told."""

    def make(plain: Any) -> Any:
        return {**plain, 401: plain[429]}

    around("connectors.apollo.errors:_BY_STATUS", make)


@defect(
    "I-3",
    "connectors",
    f"{WEBHOOK}sending.py::test_a_resend_has_the_same_id_and_a_new_time_also_from_another_instance",
)
def a_webhook_has_a_new_id_each_time() -> None:
    """A receiver cannot know that it has the lead already."""
    numbers = itertools.count()
    instead("connectors.webhook.message:message_id", lambda connector, _: f"{connector}-{next(numbers)}")


@defect("I-2", "connectors", f"{WEBHOOK}answers.py::test_every_status_has_its_meaning")
def a_webhook_that_is_redirected_is_delivered() -> None:
    """A 301 to a login page counts as a yes."""
    instead("syncd.http.answer:is_success", lambda status: 200 <= status < 400)


@defect(
    "private addresses",
    "unit",
    "tests/http/test_addresses.py::test_a_name_leads_to_its_public_addresses_only",
)
def a_webhook_goes_wherever_a_name_leads() -> None:
    """A name that somebody else runs leads into the operator's own network."""
    instead("syncd.http.addresses:allowed", lambda _host, addresses, _reach: list(addresses))


@defect("I-2", "connectors", f"{WEBHOOK}wire.py::TestWebhookHttp::test_what_is_no_answer_is_no_delivery")
def a_webhook_whose_answer_breaks_off_is_delivered() -> None:
    """The status is believed before the answer has ended."""

    def make(plain: Any) -> Any:
        from syncd.http.answer import Answer  # noqa: PLC0415

        def send(*given: Any, **named: Any) -> Any:
            answer = plain(*given, **named)
            return Answer(200) if answer.trouble == "broken" else answer

        return send

    around("syncd.http.client:Client.send", make)
