"""The failure codes of Apollo's connector, each with its fix."""

from collections.abc import Mapping
from types import MappingProxyType

CODES: Mapping[str, str] = MappingProxyType(
    {
        "apollo_key_refused": "Check api_key in Apollo (Settings, Integrations, API keys): it is wrong, revoked, or its account inactive. Then: syncd resume NAME",
        "apollo_scope_missing": "Give the API key the scope that the detail names, or use a master key. Then: syncd resume NAME",
        "apollo_plan": "The team's Apollo plan does not include this call: change the plan, or without_email. Then: syncd resume NAME",
        "apollo_permission": "The user whose key it is may not do this in Apollo: change the role or the key. Then: syncd resume NAME",
        "apollo_forbidden": "Apollo refuses this call: check the key's scopes, the plan, and what stands between. Then: syncd resume NAME",
        "apollo_wrong_address": "Nothing answers there as Apollo does: base_url must end in /api/v1. Then: syncd resume NAME",
        "apollo_redirected": "syncd follows no redirects, for they would carry the key along: set base_url to the final address.",
        "apollo_setting_invalid": "An id from the configuration (owner, stage, account) or a custom field is not known in Apollo: mend it, then: syncd resume NAME",
        "apollo_refused_call": "Apollo refuses the call as it is made: report it, with the detail. Then: syncd resume NAME",
        "apollo_field_missing": "Make the custom contact field in Apollo (syncd setup NAME --apply), or take it out of the fields. Then: syncd resume NAME",
        "apollo_no_key_field": "Without it a lead that has no email could be written twice: syncd setup NAME --apply, then: syncd resume NAME",
        "apollo_rate_limited": "Nothing to do: syncd waits until Apollo's window has passed. If it happens often, other programs use the team's allowance.",
        "apollo_daily_limit": "The team's daily allowance is used up: syncd goes on when the day's window has passed. A larger plan has a larger one.",
        "apollo_unreachable": "Check the network, DNS, the proxy and base_url. syncd keeps trying.",
        "apollo_proxy_invalid": "Mend https_proxy (or no_proxy) in the environment of the service, and start it again.",
        "apollo_unavailable": "Nothing to do: Apollo did not answer, or with a server error. syncd keeps trying, and looks before it writes again.",
        "apollo_unexpected_answer": "Check that base_url is Apollo's API and that no proxy or login page stands between. Then: syncd resume NAME",
        "apollo_unanswered": "Apollo's answer did not mention this lead: it is sent again alone, or looked for first.",
        "apollo_not_found_yet": "Nothing to do: an earlier call may have written it, so it is looked for twice, some minutes apart, before it is written.",
        "apollo_look_up_unclear": "Apollo ignored the filter of a search, so nothing can be told from it: syncd looks again. If it stays so, look for the contact in Apollo by hand.",
        "apollo_invalid": "Apollo refuses a value of this contact: look at the lead with: syncd lead ID, mend the mapping, then: syncd rejected retry",
        "apollo_no_email": 'Set without_email = "create" to write leads without an email too, then: syncd rejected retry; or: syncd rejected drop',
        "apollo_email_unmapped": 'Map email (email = "{{ email }}") in the fields, or set without_email = "create". Then: syncd resume NAME',
        "apollo_contact_gone": "The contact is no longer in Apollo: set recreate_gone = true to make it again, then: syncd rejected retry; or: syncd rejected drop",
        "apollo_address_taken": 'Two people have this address, and Apollo knows people by theirs: set without_email = "create" for a contact without it, then: syncd rejected retry; or: syncd rejected drop',
        "apollo_namesake": "Apollo takes a contact of the same name and company for this lead. If it is the person, write the lead's address (or X user id) there; if not, make the contact by hand. Then: syncd rejected retry",
        "apollo_contact_hidden": "The user whose key it is may not view this contact: share it with them in Apollo, or use another key; then: syncd rejected retry",
        "apollo_fields_left_out": "Make the custom contact fields in Apollo: syncd setup NAME --apply",
        "apollo_ready": "Nothing to do.",
    }
)
