"""A connector's bug as a pause that names its place: an error that is none of the failures, or an answer that breaks the contract."""

from collections.abc import Sequence

from syncd.core.delivery import Delivered
from syncd.core.failure import CONNECTOR_BUG, Failure, Pause
from syncd.log import place_in, place_of


def raised(connector: object, error: BaseException) -> Pause:
    """Return the pause for an error. Its text stays out, for it may quote a person; its class and its line do not."""
    return _bug(f"The connector raised {type(error).__name__}", place_in(error, type(connector)))


def breach(connector: object, answer: object, n: int) -> Pause | None:
    """Return the pause for an answer to `n` deliveries that is not as the contract has it; None if it is."""
    deliver = getattr(connector, "deliver", None)
    if not isinstance(answer, Sequence) or isinstance(answer, str | bytes):
        return breach_of(deliver, f"The answer is {type(answer).__name__} and not a list of outcomes")
    if len(answer) != n:
        return breach_of(deliver, f"The answer has {len(answer)} outcomes for {n} deliveries")
    wrong = next((one for one in answer if not isinstance(one, Delivered | Failure)), answer)
    return (
        None
        if wrong is answer
        else breach_of(deliver, f"The answer holds {type(wrong).__name__} as an outcome")
    )


def breach_of(method: object, sentence: str) -> Pause:
    """Return the pause for a breach of the contract by a method."""
    return _bug(sentence[:1].upper() + sentence[1:], place_of(method))


def has_outcomes(answer: object, n: int) -> bool:
    """True if an answer has an outcome in each place of `n`, and at least one of them is valid."""
    whole = isinstance(answer, Sequence) and not isinstance(answer, str | bytes) and len(answer) == n
    return whole and any(isinstance(one, Delivered | Failure) for one in answer)  # type: ignore[attr-defined]


def _bug(sentence: str, place: str) -> Pause:
    return Pause(CONNECTOR_BUG, f"{sentence} ({place})." if place else f"{sentence}.", unexplained=True)
