"""Contacts whom somebody may be: of which people of ours sales made them.

A Contact bears no key of ours, but the leads that were converted into it do, whatever address they had.
Source: Salesforce's object reference, Lead, ConvertedContactId.
"""

from collections.abc import Iterable, Sequence

from connectors.salesforce.identity import Mapped
from connectors.salesforce.match import CONTACT_OF, Known, person_id
from connectors.salesforce.org import Asking, Select
from syncd.connector import Delivery


def ask_whose(wire: Asking, batch: Sequence[Delivery], mapped: Mapped, known: Known) -> None:
    """Add to `known.owners` whose the Contacts are that have the address of somebody new.

    It asks only where there is one, in a call, and raises as `wire` does.
    """
    if CONTACT_OF not in mapped.standard:
        _by_address(known, mapped.key.name)
        return
    new = [each for each in batch if each.person.casefold() not in known.by_key]
    emails = {email for each in new if (email := mapped.email_of(each))}
    maybe = [contact for email in emails for contact in known.contacts.get(email, ())]
    maybe += [
        person_id(lead) for email in emails for lead in known.by_email.get(email, ()) if lead.get(CONTACT_OF)
    ]
    if unasked := unowned(maybe, known):
        where = {CONTACT_OF: unasked}
        found = wire.select(Select("Lead", ["Id", CONTACT_OF, mapped.key.name], where, mapped.sees_deleted))
        for lead in found:
            known.add_owner(person_id(lead), lead.get(mapped.key.name))


def unowned(contacts: Iterable[str], known: Known) -> list[str]:
    """Those that no lead with a key of ours is known to have become, sorted."""
    return sorted({contact for contact in contacts if contact[:15] not in known.owners})


def _by_address(known: Known, key: str) -> None:
    """Where the run-as user cannot see what a lead became, an equal address has to tell it."""
    for email, contacts in known.contacts.items():
        for lead in known.by_email.get(email, ()):
            for contact in contacts if lead.get("IsConverted", True) else ():
                known.add_owner(contact, lead.get(key))
