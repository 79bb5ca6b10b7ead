"""What `check` finds in the mapping and this org's Lead: pure."""

from collections.abc import Mapping, Sequence

from connectors.salesforce.identity import KEPT_ON_UPDATE, join, left_out, vouched
from connectors.salesforce.lead_fields import Schema
from connectors.salesforce.options import SalesforceOptions
from connectors.salesforce.rate_limit import Budget
from syncd.connector import Field, Finding, Halt


def calls(budget: Budget, share: float) -> Finding:
    """That we are signed in, and how many of its calls the org has used."""
    used = (
        f"{budget.used} of {budget.total} API calls used in 24 hours"
        if budget.total
        else "no word on API calls"
    )
    return Finding("ok", "salesforce_ready", f"signed in; {used}; {share:.0%} of them may be ours")


def findings(fields: Mapping[str, Field], options: SalesforceOptions, schema: Schema) -> Sequence[Finding]:
    """Everything that the org's fields have to say about the mapping."""
    return [
        *_blocking(fields, options, schema),
        *_required(fields, options, schema),
        *_picklists(fields, schema),
        *_kept(fields),
        *_emails(fields),
    ]


def _blocking(fields: Mapping[str, Field], options: SalesforceOptions, schema: Schema) -> list[Finding]:
    found = []
    try:
        join({}, options.external_id_field, schema, options.duplicates)
        found.append(
            Finding("ok", "salesforce_key", f"{options.external_id_field} is unique and an external id")
        )
    except Halt as why:
        found.append(Finding("error", why.code, why.detail))
        return found
    try:
        join(fields, options.external_id_field, schema, options.duplicates)
    except Halt as why:
        found.append(Finding("error", why.code, why.detail))
    return found


def _required(fields: Mapping[str, Field], options: SalesforceOptions, schema: Schema) -> list[Finding]:
    mapped = {name.casefold() for name in fields} | {options.external_id_field.casefold()}
    lacking = [name for name in schema.required() if name.casefold() not in mapped]
    if not lacking:
        return []
    detail = f"new leads need {', '.join(lacking)}, which the mapping does not write"
    return [Finding("error", "salesforce_required", detail)]


def _picklists(fields: Mapping[str, Field], schema: Schema) -> list[Finding]:
    """Constants that a restricted picklist does not hold."""
    found = []
    for name, field in fields.items():
        column = schema.get(name)
        if column is None or column.values is None or "{{" in field.value or field.value in column.values:
            continue
        if left_out(column, field.value):
            detail = f"{name} is a restricted picklist without the value that is mapped: it is left out"
            found.append(Finding("warning", "salesforce_picklist", detail))
        else:
            detail = f"{name} is a restricted picklist without the value that is mapped: every lead would be rejected"
            found.append(Finding("error", "salesforce_picklist", detail))
    return found


def _kept(fields: Mapping[str, Field]) -> list[Finding]:
    kept = [
        name
        for name, field in fields.items()
        if name.casefold() in KEPT_ON_UPDATE and field.policy == "always"
    ]
    if not kept:
        return []
    detail = f"{', '.join(kept)} is set on new leads only: afterwards it is the salesperson's"
    return [Finding("warning", "salesforce_kept", detail)]


def _emails(fields: Mapping[str, Field]) -> list[Finding]:
    if vouched(fields) or not any(name.casefold() == "email" for name in fields):
        return []
    detail = "the mapping of Email does not ask for verified addresses, so nobody is looked up by theirs"
    return [Finding("warning", "salesforce_email", detail)]
