"""The pairs of a campaign's body. All are checked before any is made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from syncd.simulator.campaigns.accounts import Accounts
from syncd.simulator.campaigns.handles import XHandles
from syncd.simulator.campaigns.models import Segment
from syncd.simulator.campaigns.segments import Segments
from syncd.simulator.refusals import BAD_BODY, RefusedError

STARTER = "starter"


@dataclass(frozen=True, slots=True)
class MadePairs:
    """The pairs that were made.

    Attributes:
        tuples: (account id, segment id) of each pair.
        accounts: The answer's part about accounts that the body named by a handle.
        segments: The answer's part about new segments.
    """

    tuples: list[tuple[int, int]] = field(default_factory=list)
    accounts: list[dict[str, Any]] = field(default_factory=list)
    segments: list[dict[str, Any]] = field(default_factory=list)


class PairDrafts:
    """The checked pairs of a body. Nothing is made before `make`.

    Attributes:
        account_ids: Their accounts that are tracked already.
        new_handles: Their other handles and tiers, by the handle in lower case.

    Raises:
        RefusedError: An id, a handle or a label is unknown, X does not answer, or a pair is repeated.
    """

    def __init__(
        self,
        pairs: Sequence[Mapping[str, Any]],
        accounts: Accounts,
        segments: Segments,
        handles: XHandles,
        now: float,
    ) -> None:
        self.account_ids: set[int] = set()
        self.new_handles: dict[str, tuple[str, str]] = {}
        self._accounts = accounts
        self._segments = segments
        self._handles = handles
        self._now = now
        self._pairs = [(self._account(pair), self._segment(pair)) for pair in pairs]
        known = [
            (account, segment) for (_, account), segment in self._pairs if not isinstance(segment, Segment)
        ]
        if len(set(known)) < len(known):
            raise RefusedError(BAD_BODY, "pairs: one pair is repeated")

    def make(self) -> MadePairs:
        """Make the missing accounts and segments.

        Raises:
            RefusedError: Stripe refuses a new account; then nothing is made.
        """
        for _ in self.new_handles:
            self._accounts.stripe.agree()
        new_ids = {
            key: self._accounts.add(handle, tier, self._now).id
            for key, (handle, tier) in self.new_handles.items()
        }
        made = MadePairs()
        shown = set()
        for (named, account), segment in self._pairs:
            account_id = new_ids[account] if isinstance(account, str) else account
            if named and account_id not in shown:
                shown.add(account_id)
                made.accounts.append(self._account_entry(account_id, created=isinstance(account, str)))
            if isinstance(segment, Segment):
                segment_id = self._segments.keep(segment).id
                made.segments.append({"segmentId": segment_id, "segmentCreated": True})
            else:
                segment_id = segment
            made.tuples.append((account_id, segment_id))
        return made

    def _account_entry(self, account_id: int, *, created: bool) -> dict[str, Any]:
        handle = self._accounts.get(account_id).handle
        entry: dict[str, Any] = {"handle": handle, "accountId": account_id, "accountCreated": created}
        return {**entry, "billingDelta": "stripe_quantity_incremented"} if created else entry

    def _account(self, pair: Mapping[str, Any]) -> tuple[bool, int | str]:
        """Return True if the body names a handle, and the account's id, or the key of a new account."""
        if "accountId" in pair:
            account = self._accounts.get(pair["accountId"])
        else:
            handle = pair["accountHandle"]
            found = self._accounts.named(handle.removeprefix("@"))
            if found is None:
                bare = self._handles.resolve(handle)
                self.new_handles.setdefault(bare.lower(), (bare, pair.get("accountTier", STARTER)))
                return True, bare.lower()
            account = found
        self.account_ids.add(account.id)
        return "accountHandle" in pair and "accountId" not in pair, account.id

    def _segment(self, pair: Mapping[str, Any]) -> int | Segment:
        if "segmentId" in pair:
            return self._segments.get(pair["segmentId"]).id
        return self._segments.draft(pair["segment"], self._now)
