"""Exit codes, and complaints on stderr. If several codes apply, the strongest wins."""

import sys
from collections.abc import Iterable
from enum import IntEnum

from syncd.stderr import put


class Exit(IntEnum):
    """Exit codes of the process; numbers of sysexits.h where it has one."""

    DONE = 0
    REJECTED = 1
    FAILED = 2
    USAGE = 64
    UNREACHABLE = 69
    HELD = 73
    LEDGER = 74
    WORK_LEFT = 75
    KEY_REFUSED = 77
    CONFIG = 78


_PRECEDENCE = (
    Exit.CONFIG, Exit.LEDGER, Exit.HELD, Exit.KEY_REFUSED, Exit.UNREACHABLE, Exit.FAILED, Exit.WORK_LEFT, Exit.REJECTED,
)  # fmt: skip

LEDGER_EXITS = {"ledger_locked": Exit.HELD, "ledger_newer": Exit.HELD}
"""By the code of a LedgerError; any other is 74."""

SOURCE_EXITS = {
    "key_refused": Exit.KEY_REFUSED,
    "forbidden": Exit.KEY_REFUSED,
    "subscription_required": Exit.KEY_REFUSED,
    "api_gone": Exit.CONFIG,
    "redirected": Exit.CONFIG,
    "wrong_address": Exit.UNREACHABLE,
    "unreachable": Exit.UNREACHABLE,
    "upstream_unavailable": Exit.UNREACHABLE,
    "unexpected_answer": Exit.UNREACHABLE,
    "bug": Exit.FAILED,
}
"""By the failure code of a pull or an export lane; any other code means that work is left."""


def lane_exit(kind: str, code: str) -> Exit:
    """Return the exit code for a lane in trouble."""
    if kind in {"deliver", "hear"} or (
        kind in {"enrich", "feedback"} and code in {"forbidden", "subscription_required"}
    ):  # CTGO refuses enriching or feedback, not the key
        return Exit.WORK_LEFT
    return SOURCE_EXITS.get(code, Exit.WORK_LEFT)


def strongest(codes: Iterable[Exit]) -> Exit:
    """Choose the exit code when all of these apply."""
    held = set(codes)
    return next((code for code in _PRECEDENCE if code in held), Exit.DONE)


def complain(sentence: str, fix: str = "") -> None:
    """Print a sentence and advice on stderr, with control characters escaped."""
    from syncd.log import escape  # noqa: PLC0415 - only those who complain pay for it

    lines = (f"syncd: {sentence}", *([f"  {fix}"] if fix else []))
    put(sys.stderr, "".join(f"{escape(line, keep=chr(10))}\n" for line in lines))
