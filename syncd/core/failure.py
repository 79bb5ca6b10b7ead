"""The four failures of a delivery, and what each one does next.

Two questions decide the kind: does waiting help, and is it about this lead or about the whole lane?

                   waiting helps                       waiting does not help
    this lead      `Retry`: spend an attempt, back off  `Reject`: set aside, visible, retriable by hand
    this lane      `Pause`: stop, spend no attempt      `Halt`: stop, turn health red, keep every lead pending

A failure is an exception, so that a client may raise it from any depth, and a value, so that a connector
may return one for each delivery. It carries a stable `code` and one sentence of `detail`. The registry of codes, or the
connector's own `codes`, has the fix. Anything else that is raised is a bug of ours.

This module knows nothing of HTTP, of the ledger or of time: a client translates its vendor's answers at
its edge, by a table.
"""

from collections.abc import Mapping
from types import MappingProxyType


class Failure(Exception):  # noqa: N818 - it may as well be a value
    """One of the four. `code` is stable and public, `detail` is a sentence without personal data or secrets."""

    unsent = False
    """True if no part of the request was sent, so that the remote cannot have acted on it."""

    def __init__(self, code: str, detail: str, *, after: float | None = None, fix: str = "") -> None:
        """`after`: seconds that the remote asked us to wait; `fix`: the core's own, in place of the registry's."""
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.after = after
        self.fix = fix or CODES.get(code, "")


class Retry(Failure):
    """This lead may go through later: spend an attempt and back off, `after` seconds at the least.

    `of_record`: the remote named this very record, or a field of it. After its last attempt it is then rejected also where
    nothing else went through.
    """

    def __init__(
        self, code: str, detail: str, *, after: float | None = None, fix: str = "", of_record: bool = False
    ) -> None:
        """See the class."""
        super().__init__(code, detail, after=after, fix=fix)
        self.of_record = of_record


class Reject(Failure):
    """This lead will not go through as it is: set it aside for a person."""


class Pause(Failure):
    """The lane must wait: `after` seconds when the remote asked for that, else by our own back-off.

    `unexplained` marks a call that failed whole without saying why (a time-out, a bare 500): any one of its
    members may be the cause, so they become suspects.
    """

    def __init__(
        self, code: str, detail: str, *, after: float | None = None, unexplained: bool = False, fix: str = ""
    ) -> None:
        """See the class."""
        super().__init__(code, detail, after=after, fix=fix)
        self.unexplained = unexplained


class Halt(Failure):
    """The lane cannot go on until somebody mends something."""


class Refused(Exception):  # noqa: N818 - not an error of ours: the remote's answer to one call
    """The remote refused the whole call and wrote nothing; smaller calls may show which member is at fault."""

    def __init__(self, code: str, detail: str) -> None:
        """As `Failure`."""
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


CONNECTOR_BUG = "connector_bug"
"""The code of an error in a connector that is none of the four failures, and of an answer that breaks the contract."""
CODES: Mapping[str, str] = MappingProxyType(
    {
        # CTGO
        "key_refused": "Check the source's api_key, which begins with ctgo_; a regenerated key stops the old one at once. Then: syncd resume SOURCE",
        "forbidden": "CTGO refuses this call for this account: check the subscription in the dashboard. Then: syncd resume SOURCE",
        "subscription_required": "Renew the subscription in CTGO's dashboard. A source that halted for it goes on with: syncd resume SOURCE",
        "free_account_limit": "Put the tracked account that you have to sleep, or subscribe in CTGO's dashboard.",
        "budget_exhausted": "Nothing to do: the budget comes back by itself. A larger plan has a larger one.",
        "already_exported": "Nothing to do: CTGO has this lead as exported already.",
        "api_gone": "This version of the API was removed: base_url must end in /api/v2.",
        "rate_limited": "Nothing to do: syncd waits as long as CTGO asks. If it happens often, something else uses this key.",
        "credits_exhausted": "Top up the team's enrichment credits, or wait for the next period.",
        "no_team": "The key's user belongs to no team at CTGO, and credits are a team's: join one, or do not enrich. Then: syncd resume SOURCE",
        "credits_kept": "Top up the team's enrichment credits, or lower the source's enrich.keep_credits. syncd looks again every hour.",
        "credits_unknown": "CTGO does not say how many credits are left: with enrich.keep_credits = 0 syncd enriches without knowing.",
        "never_enriched": "Let the connector's source enrich, or take leads by something that CTGO lists.",
        "credits_unbounded": "Set per_day in the source's enrich table: with automatic top-up nothing else bounds what is spent.",
        "per_day_spent": "Nothing to do: enriching goes on at midnight UTC. To have more a day, raise the source's enrich.per_day.",
        "unasked": "Nothing to do: it is decided once CTGO was asked about the lead. For more a day, raise the source's enrich.per_day.",
        "enrich_answer_lost": "Asked twice, and no answer came: it may have been charged, so it is not asked again.",
        "not_enriched": "CTGO gave no answer about the lead, and the connector's `where` needs one. To leave the lead out: syncd rejected drop",
        "enrich_off": "The source's configuration no longer enriches.",
        "unreachable": "Check the network, DNS and the source's base_url. syncd keeps trying.",
        "upstream_unavailable": "Nothing to do: CTGO answers with a server error, and syncd keeps trying.",
        "unexpected_answer": "Check that base_url is CTGO's API and that no proxy or login page stands between. syncd keeps trying.",
        "wrong_address": "Nothing answers there as CTGO does: check the source's base_url.",
        "redirected": "syncd follows no redirects, for they would carry the key along: set base_url to the final address.",
        "not_found": "The lead, campaign, segment, account or run is not (or no longer) yours at CTGO.",
        "campaign_fails": "CTGO fails whenever it is asked for this campaign's leads. The other campaigns go on, and syncd asks for this one in each pass.",
        "campaigns_not_found": "CTGO has no listing for any of the source's campaigns: check stream_ids and base_url. syncd keeps trying.",
        "export_route_missing": "Ten exports in a row were answered 404 and none was found: check base_url and what stands between. Then: syncd resume SOURCE",
        "feedback_route_missing": "Feedback was answered 404 ten times in a row and never found: check base_url and what stands between. Then: syncd resume SOURCE",
        "conflict": "Another operation on the same thing was under way; it is tried again.",
        "bad_request": "CTGO refuses the request as it is: look at the lead with: syncd lead ID",
        # Acts that a person asked CTGO for
        "request_refused": "CTGO says what is wrong with the request: mend that, and ask again.",
        "conflicting": "Something else changes the same thing, or it exists already: look at it, then ask again.",
        "outcome_unknown": "It may have been done all the same: look at how things stand before you ask again.",
        "billing_not_accepted": "It changes what CTGO bills: if that is what you want, say so and ask again.",
        "payment_failed": "Settle it with the card or the invoice in CTGO's dashboard, then ask again.",
        "stream_cap_exceeded": "Archive a campaign of that account, or give it a higher tier.",
        "stream_archived": "Restore the campaign first: nothing of an archived one is lost.",
        "account_sleeping": "Wake the account first; it is billed again then.",
        "account_skipped": "CTGO left this account out, for a reason that syncd does not know: look at it in the dashboard.",
        "free_tier": "Re-testing is not for free accounts: give the account a paid tier in CTGO's dashboard.",
        "handle_not_found": "Check how the handle is spelled on X.",
        "handle_protected": "Choose a public account: CTGO cannot read who follows a private one.",
        "handle_lookup_failed": "Nothing is wrong with the handle: ask again in a few minutes.",
        "orphan_label": "Leave the labels out that CTGO does not know, or say them in the segment's description.",
        "page_repeated": "CTGO sent the same page twice. syncd keeps trying and moves no cursor meanwhile.",
        "page_short": "CTGO said there was more and sent nothing. syncd keeps trying and moves no cursor meanwhile.",
        "lead_malformed": "CTGO sent a lead that cannot be read. A later listing that can replaces it; or: syncd rejected drop",
        # Deciding
        "filter_failed": "The connector's `where` could not be evaluated for this lead: mend it, then: syncd rejected retry",
        "name_unknown": "Nothing to do: it is decided as soon as CTGO's lists name the lead's campaign, segment or tracked account.",
        "mapping_failed": "A field of the connector's mapping could not be evaluated: mend it, then: syncd rejected retry",
        "attempts_exhausted": "Every attempt failed and nothing else went through: see the detail, mend it, then: syncd resume NAME",
        CONNECTOR_BUG: "The connector has a bug; the log names the error and its line (connector_failed). Mend or update the connector and restart syncd. Then: syncd resume NAME. If it rejected leads: syncd rejected list",
        "connector_unconfigured": "A connector that left the configuration still has deliveries: restore it, or: syncd rejected drop --connector NAME",
        "paused_by_hand": "Somebody paused it. To go on: syncd resume NAME",
        "gate_held": "syncd leads --connector NAME --state delivered lists what was sent. Then: syncd release NAME --first 20 sends the 20 oldest; syncd release NAME sends all; syncd release NAME --drop gives them up.",
        "another_row": "Nothing to do: another row of the same lead is still on its way, and the export follows it.",
        "retrying": "Nothing to do: a try failed, and the next one is at its time. To see the reason: syncd audit, and syncd lead ID",
        "bug": "syncd has a bug: see the log, and report it with the traceback. The lane tries again by itself.",
        "defaults_replaced": "Write keep_default_fields = true in [connectors.NAME] to write the default fields too; false, if you do not want them.",
        "payload_gone": "The lead's payload was dropped by retention: list it again with: syncd --once --since T",
        # Watching
        "pull_missing": "Nothing to do at a start: the first pull takes a moment. If it lasts, see: syncd status",
        "pull_stale": "Look at the log for what keeps the source from being pulled, and run: syncd check",
        "leads_missing": "See which: syncd audit --upstream. If it names none, ask CTGO why it counts more than it lists.",
        "mark_lost": "CTGO lists exported leads as new. If nobody took their marks back: syncd replay --exports. To look at one: syncd lead ID",
        "listing_restless": "Nothing to do: syncd goes on sweeping. If it lasts, see what else exports from this account.",
        "lane_failing": "It keeps trying by itself. If the remote is well, run: syncd check",
        "many_set_aside": "See what they have in common with: syncd rejected list",
        "credits_low": "Top up the team's enrichment credits, or lower per_day.",
        "disk_low": "Free some space on the ledger's disk: a full one stops pulling and sending.",
        "backup_failed": "Mend what the detail names: the folder, its owner or its room. syncd tries again every hour. To make one now: syncd backup FILE",
        "wedged": "A lane hangs. systemd restarts syncd; elsewhere restart it yourself. Report it with the log.",
        "health_unserved": 'Stop what else listens there, or set health.listen to another address, or to "" for none.',
        "push_failed": "Leads come by polling meanwhile, and it is tried again. If it lasts: syncd check; or take the source's table push out.",
        "push_unserved": "Stop what else listens there, or set the source's push.listen to another address. Leads come by polling meanwhile.",
        "push_unreachable": "Set push.public_url to an https address that CTGO can reach from the internet; syncd needs only its path.",
        "push_left_behind": "Put the source back with its key, then take it out after: syncd push off SOURCE; or delete it in CTGO's dashboard.",
        "nobody_hears": "Set alerts.webhook_url to a Slack, Discord or ntfy address, or alerts.heartbeat_url to a dead man's switch.",
        "alert_unsent": "Check alerts.webhook_url. syncd keeps trying, and says what is wrong in its log meanwhile.",
        # Ledger and host
        "ledger_locked": "Another syncd engine uses this ledger. Stop it, or use the commands that run beside it.",
        "ledger_newer": "The ledger was written by a newer syncd: upgrade the program, or restore an older backup.",
        "ledger_damaged": "The ledger's file is damaged, so nothing runs on it: check the disk, then: syncd restore FILE",
        "ledger_moved": "The ledger's file is another than the one that was opened. Put the right one back, with its -wal, and start syncd again.",
        "ledger_busy": "Another program keeps the ledger locked: see who with fuser, and end that. A running syncd goes on by itself.",
        "ledger_full": "The ledger's disk is full: free some space. Nothing is lost, and syncd goes on by itself once there is room.",
        "ledger_broken": "The ledger cannot be read or written: check the disk, the folder's owner and free space.",
    }
)
"""Every code of the core with its fix. A connector class adds its own in `codes`."""
