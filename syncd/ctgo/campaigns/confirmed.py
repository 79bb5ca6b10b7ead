"""Acts that must not happen twice, or not without a yes: what a person asks for once, and what changes a bill.

A request whose answer is lost may have been heard. So an act that cannot be repeated without harm is never sent again
here: where the state tells whether it was done, the state is read, and where it does not, the failure says
so (`outcome_unknown`). What can be repeated fails as any request does.
"""

from collections.abc import Callable
from enum import Enum
from typing import Literal, TypeAlias, TypeVar

from syncd.core.failure import Failure, Halt, Reject
from syncd.ctgo.campaigns.envelopes import Ask
from syncd.ctgo.exchange import Call, Reader

T = TypeVar("T")


class Billing(Enum):
    """Somebody's yes to another bill. What changes one takes no other value, and no default."""

    ACCEPTED = "accepted"


_LOST = frozenset({"unreachable", "upstream_unavailable", "unexpected_answer"})
_UNSURE = frozenset({"conflicting", "payment_failed", "handle_lookup_failed"})
"""Refusals with words, which may yet have come after a part of the work: one of several accounts, or another's same act."""

Seen: TypeAlias = T | Literal[False] | None
"""The result of an act, as the state shows it. False: it was not done; None: the state does not tell."""


def is_lost(failure: Failure) -> bool:
    """True if CTGO may have carried out a request that failed so."""
    return failure.code in _LOST and not failure.unsent


def is_unsure(failure: Failure) -> bool:
    """True if the state must be read before anybody repeats a billing act that failed so."""
    return is_lost(failure) or failure.code in _UNSURE


def once(ask: Ask, call: Call, read: Reader[T]) -> T:
    """An act that a repeat would do twice. Raises Halt `outcome_unknown` when its answer is lost."""
    try:
        return ask(call, read)
    except Failure as why:
        failure = _unknown(why) if is_lost(why) else why
    raise failure


def billed(ask: Ask, call: Call, read: Reader[T], look: Callable[[], Seen[T]]) -> T:
    """An act that changes a bill: sent once, and when it may have been done without our hearing so, looked for.

    Args:
        ask: sends.
        call: the act.
        read: reads its answer.
        look: reads the state; may send requests, and may fail.

    Raises:
        Failure: as the act failed, when the state shows that it was not done.
        Halt: `outcome_unknown` when the state does not tell, or cannot be read.
    """
    try:
        return ask(call, read)
    except Failure as why:
        failure = why
    if not is_unsure(failure):
        raise failure
    found = _seen(look)
    if found is None:
        raise _unknown(failure)
    if found is False:
        raise _undone(failure)
    return found


def refuse_unless_accepted(billing: Billing | None, what: str) -> None:
    """Raise Reject `billing_not_accepted` unless somebody said yes. `what` begins a sentence: "Waking an account"."""
    if billing is not Billing.ACCEPTED:
        raise Reject("billing_not_accepted", f"{what} changes what CTGO bills, and nobody accepted that.")


def _seen(look: Callable[[], Seen[T]]) -> Seen[T]:
    try:
        return look()
    except Failure:
        return None


def _unknown(why: Failure) -> Halt:
    return Halt("outcome_unknown", f"{why.detail} Whether it was done is not known.")


def _undone(why: Failure) -> Failure:
    why.detail = f"{why.detail} Looked at afterwards, it has not been done."
    why.args = (f"{why.code}: {why.detail}",)
    return why
