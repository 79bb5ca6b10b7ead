"""What a person wants to create is checked before it is sent: one sentence for each mistake."""

from typing import Any

import pytest

from syncd.ctgo.campaigns.drafts import (
    Draft,
    DraftError,
    LeadFilter,
    NewPair,
    NewSegment,
    NewStream,
    NewTemplate,
    StreamChanges,
    Tier,
)

PAIR = {"accountId": 3, "segmentId": 6}


def stream(**more: Any) -> dict[str, Any]:
    return {"pairs": [PAIR], **more}


WRONG: list[tuple[type[Draft], dict[str, Any], str]] = [
    (NewStream, {}, "pairs: is missing"),
    (NewStream, {"pairs": []}, "pairs: must have at least 1 item"),
    (NewStream, {"pairs": [PAIR] * 51}, "pairs: must have at most 50 items"),
    (NewStream, {"pairs": PAIR}, "pairs: must be a list"),
    (NewStream, {"pairs": [7]}, "pairs[0]: must be a table"),
    (NewStream, stream(name=" "), "name: must not be empty"),
    (NewStream, stream(name=7), "name: must be text"),
    (NewStream, stream(name=None), "name may not be null: leave it out"),
    (NewStream, stream(nmae="x"), "nmae: unknown key, did you mean name?"),
    (NewStream, stream(sync_tiems=[]), "sync_tiems: unknown key, did you mean syncTimes?"),
    (NewStream, stream(isActive=True), "isActive: unknown key, "),
    (NewStream, stream(syncTimes=["07:15", "07:20"]), "syncTimes[1]: must be a quarter of an hour as HH:MM, such as 07:15"),
    (NewStream, stream(syncTimes=["24:00"]), "syncTimes[0]: must be a quarter"),
    (NewStream, stream(syncTimes=["7:15"]), "syncTimes[0]: must be a quarter"),
    (NewStream, stream(syncTimes=["07:15\n0"]), "syncTimes[0]: must be a quarter"),
    (NewStream, stream(syncTimes="07:15"), "syncTimes: must be a list"),
    (NewStream, stream(timezone="Mars/Olympus"), "timezone: is no time zone's name, such as Europe/Paris"),
    (NewStream, stream(timezone="../../etc/passwd"), "timezone: must be a time zone's name"),
    (NewStream, stream(timezone="Europe"), "timezone: must be a time zone's name"),
    (NewStream, stream(timezone=""), "timezone: must be a time zone's name"),
    (NewStream, stream(emailMode="some"), "emailMode: must be 'verified' or 'any'"),
    (NewStream, stream(emailDigestOverride="hourly"), "emailDigestOverride: must be 'after_every_sync', 'daily', 'weekly' or 'off'"),
    (NewStream, stream(emailDigestOverride=None), "emailDigestOverride may not be null: leave it out"),
    (NewStream, stream(deliveryDestination="webhook"), "deliveryDestination: must be 'leads_only' or 'leads_plus_webhook'"),
    (NewStream, stream(webhookUrl="hooks.example/x"), "webhookUrl: must be an address that begins with https://"),
    (NewStream, stream(autoEnrichEmail="perhaps"), "autoEnrichEmail: must be a valid boolean"),
    (NewStream, stream(csvEmailRecipients={"to": "noor", "format": "csv"}), "csvEmailRecipients.to: must be an email address"),
    (NewStream, stream(csvEmailRecipients={"to": [], "format": "csv"}), "csvEmailRecipients.to: must be an email address"),
    (NewStream, stream(csvEmailRecipients={"to": "noor@example.org"}), "csvEmailRecipients.format: is missing"),
    (NewPair, {}, "name the account by either accountId or accountHandle"),
    (NewPair, {"accountId": 3}, "name the segment by either segmentId or segment"),
    (NewPair, {**PAIR, "accountHandle": "x"}, "name the account by either"),
    (NewPair, {**PAIR, "segment": {"description": "x"}}, "name the segment by either"),
    (NewPair, {**PAIR, "accountTier": "pro"}, "accountTier is for an accountHandle"),
    (NewPair, {"accountHandle": "x", "segmentId": 6, "accountTier": "top"}, "accountTier: must be 'starter', 'growth' or 'pro'"),
    (NewPair, {"accountHandle": "two words", "segmentId": 6}, "accountHandle: must be a handle on X"),
    (NewPair, {"accountId": 0, "segmentId": 6}, "accountId: must be greater than or equal to 1"),
    (NewPair, {"accountId": "3", "segmentId": 6}, "accountId: must be a valid integer"),
    (NewPair, {"accountId": True, "segmentId": 6}, "accountId: must be a valid integer"),
    (NewStream, {"pairs": [PAIR, {"accountId": 3}]}, "pairs[1]: name the segment by either"),
    (NewStream, {"pairs": [{**PAIR, "acountTier": "pro"}]}, "pairs[0].acountTier: unknown key, did you mean accountTier?"),
    (NewSegment, {}, "description: is missing"),
    (NewSegment, {"description": " "}, "description: must not be empty"),
    (NewSegment, {"description": "x", "appliedSearchFilters": {"skill": "x"}}, "appliedSearchFilters.skill: must be a list"),
    (NewSegment, {"description": "x", "appliedSearchFilters": ["x"]}, "appliedSearchFilters: must be a table"),
    (NewTemplate, {"name": "x" * 101, "messageBody": "x"}, "name: must have at most 100 characters"),
    (NewTemplate, {"name": "x", "messageBody": "x" * 2001}, "messageBody: must have at most 2000 characters"),
    (NewTemplate, {"name": "", "messageBody": ""}, "name: must not be empty\nmessageBody: must not be empty"),
    (StreamChanges, {}, "nothing is to be changed"),
    (StreamChanges, {"isActive": None}, "isActive may not be null: leave it out"),
    (StreamChanges, {"pairs": None}, "pairs may not be null"),
    (LeadFilter, {"lifecycle": "old"}, "lifecycle: must be 'new' or 'exported'"),
    (LeadFilter, {"matchConfidence": "full"}, "matchConfidence: must be 'high' or 'medium'"),
    (LeadFilter, {"since": "yesterday"}, "since: must be a valid datetime"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "document", "said"), WRONG)
def test_a_mistake_is_a_sentence_that_names_its_place(
    model: type[Draft], document: dict[str, Any], said: str
) -> None:
    with pytest.raises(DraftError) as caught:
        model.read(document)
    assert str(caught.value).startswith(said)
    assert caught.value.__cause__ is None
    assert len(str(caught.value).splitlines()) == len(caught.value.mistakes)


def test_a_mistake_repeats_no_value() -> None:
    with pytest.raises(DraftError) as caught:
        NewStream.read(
            stream(webhookUrl="hunter2", csvEmailRecipients={"to": "hunter2", "format": ""}, name=["hunter2"])
        )
    assert "hunter2" not in str(caught.value)


WHOLE = {
    "name": "Founders",
    "pairs": [
        PAIR,
        {
            "accountHandle": "northwindlabs",
            "accountTier": "growth",
            "segment": {
                "description": "Indie founders",
                "name": "Indies",
                "genderValues": ["female"],
                "appliedSearchFilters": {"job_role": ["Founder"]},
                "followerCountTiers": ["10k_to_100k"],
            },
        },
    ],
    "syncTimes": ["00:00", "07:15", "23:45"],
    "timezone": "Europe/Paris",
    "autoEnrichLinkedin": True,
    "autoEnrichEmail": False,
    "emailMode": "verified",
    "emailDigestOverride": "weekly",
    "telegramOverride": False,
    "deliveryDestination": "leads_plus_webhook",
    "webhookUrl": "https://hooks.example/x?y=z",
    "csvEmailRecipients": {"to": ["noor@example.org"], "cc": "mara@example.org", "format": "csv"},
}


def test_a_whole_campaign_goes_out_as_it_was_written() -> None:
    assert NewStream.read(WHOLE).body() == WHOLE


def test_a_toml_files_spelling_is_taken_too() -> None:
    written = {
        "pairs": [{"account_handle": "@northwindlabs", "account_tier": "pro", "segment_id": 6}],
        "sync_times": ["07:15"],
    }
    assert NewStream.read(written).body() == {
        "pairs": [{"accountHandle": "northwindlabs", "accountTier": "pro", "segmentId": 6}],
        "syncTimes": ["07:15"],
    }


def test_changes_may_take_an_override_back() -> None:
    nothing = dict.fromkeys(("emailDigestOverride", "telegramOverride", "webhookUrl", "csvEmailRecipients"))
    assert StreamChanges.read(nothing).body() == nothing


def test_fifty_pairs_are_not_too_many() -> None:
    assert len(NewStream.read({"pairs": [PAIR] * 50}).pairs) == 50


def test_a_tier_may_be_one_of_ours() -> None:
    pair = NewPair.read({"accountHandle": "x", "accountTier": Tier.PRO, "segmentId": 6})
    assert pair.body()["accountTier"] == "pro"


def test_a_template_at_its_limits_is_taken() -> None:
    assert (
        NewTemplate.read({"name": "x" * 100, "messageBody": "é" * 2000}).body()["messageBody"] == "é" * 2000
    )
