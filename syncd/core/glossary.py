"""The words that commands print about leads, lanes and sources, each with its meaning. `syncd explain WORD` shows them."""

from collections.abc import Mapping
from types import MappingProxyType

WORDS: Mapping[str, str] = MappingProxyType(
    {
        # What `syncd status` counts
        "source": "A key of CTGO's API, and the leads that it lists: a table [sources.NAME] of the configuration.",
        "connector": "A place that leads go to, such as a CRM: a table [connectors.NAME] of the configuration.",
        "lead": "One row of CTGO's list: a person whom one segment of one campaign found. A person may be several leads.",
        "leads": "The leads of a source, by state. CTGO counts one for each campaign and segment that found a person.",
        "delivery": "The writing of one lead to one connector.",
        "deliveries": "The deliveries of a connector, by state: one for each lead that goes there.",
        "exports": "The marks `exported` at CTGO, by state: one for each lead id. CTGO lists a marked lead as new no more.",
        "watermark": "The instant up to which a source was pulled whole. The next pull begins there, less `lookback`. A run with --limit does not move it.",
        "last pull": "The time of the source's last pull that ended well, also with --limit.",
        "settled": "Nothing is left to do about the lead.",
        "unsettled": "Something is left to do about the lead: enrich, deliver or export it, or look at its rejection.",
        "held": "A flood gate holds the delivery until a person releases it: syncd release NAME",
        "gate": "The flood gate of a connector: it holds back more new leads than `gate` in one burst, until syncd release NAME",
        # States of leads
        "enriching": "The lead waits for CTGO's answer about its email or LinkedIn URL before it is delivered.",
        "delivering": "The lead is on its way: a connector does not have it yet.",
        "exporting": "Every connector that must have the lead has it. CTGO is not yet told.",
        "exported": "The connectors have the lead, and CTGO was told so.",
        "unexported": "The connectors have the lead. CTGO is not told, because `export` is false.",
        "elsewhere": "Something else marked the lead as exported at CTGO before syncd saw it, so syncd does not deliver it.",
        "unwanted": "No connector's `where` accepts the lead. After a change of `where`: syncd replay --connector NAME --unwanted",
        "quarantined": "The lead cannot be read as CTGO sent it. See: syncd rejected list",
        "forgotten": "The person was erased for good by: syncd forget",
        "gone": "CTGO does not know the lead any more, so there is nothing to tell it.",
        # States of deliveries, exports and feedback
        "pending": "It is to be done, and was not done yet.",
        "delivered": "It is done: the connector has the lead; of an export or feedback: CTGO accepted it.",
        "rejected": "It was refused, and waits for a person. See: syncd rejected list",
        "dropped": "It will not be done: a person gave it up, or the connector's `where` does not want the lead.",
        "shelved": "The export is put off while the source does not export. It is made once that changes.",
        "no_segment": "The feedback cannot be sent: CTGO keeps feedback by segment, and the lead has none.",
        "sent": "CTGO has the feedback.",
        "feedback": "What sales says of a lead in the CRM, good or bad, as syncd tells CTGO.",
        # Lanes
        "lane": "One kind of work for one source or connector. A lane in trouble stops no other lane.",
        "open": "The lane works.",
        "paused": "The lane stands still until a time, or until a person resumes it: syncd resume NAME",
        "halted": "The lane stands still until a person mends something. A daemon tries one delivery an hour by itself.",
        "waiting": "The last call failed. The lane waits, tries again by itself, and waits longer after each failure.",
        "pull": "The lane that asks CTGO for a source's new leads.",
        "deliver": "The lane that writes leads to a connector.",
        "export": "The lane that tells CTGO which leads of a source were delivered.",
        "enrich": "The lane that asks CTGO for an email or a LinkedIn URL of a source's leads.",
        "hear": "The lane that asks a connector what became of its leads.",
        "names": "The lane that asks CTGO for the names of campaigns, segments and accounts.",
        "push": "The lane that subscribes to CTGO's push of a source's new leads.",
        "house": "The lane that keeps the ledger in order: retention, and a weekly check.",
        "ledger": "The file in which syncd writes down what it did, so that no lead is lost or sent twice.",
        "engine": "The process that pulls and delivers: the daemon, or a run of syncd --once.",
        "maybe sent": "The answer to a call was lost, so the lead may be there. syncd looks, or sends only what is safe to send twice.",
        "enriched": "CTGO's answer about the lead was added to it.",
    }
)
"""Meanings by word, in lower case."""
