"""The pairs of a campaign's body: first found out whether they can be had, and then made."""

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
    """What pairs came to.

    Attributes:
        tuples: (account id, segment id) of each.
        accounts: What the answer says of accounts that were named by a handle.
        segments: What the answer says of segments that were described.
    """

    tuples: list[tuple[int, int]] = field(default_factory=list)
    accounts: list[dict[str, Any]] = field(default_factory=list)
    segments: list[dict[str, Any]] = field(default_factory=list)


class PairDrafts:
    """The pairs of a body, looked up and judged; nothing is made before `make`.

    Attributes:
        account_ids: Accounts of theirs that are tracked already.
        new_handles: Handles of those that are not, by their lower-case form, with their tiers.

    Raises:
        RefusedError: An id, a handle or a label is not known, X does not answer, or a pair comes twice.
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
            raise RefusedError(BAD_BODY, "pairs: one of them comes twice")

    def make(self) -> MadePairs:
        """Make what is missing.

        Raises:
            RefusedError: Stripe fails, at the first new account: nothing was made.
        """
        for _ in self.new_handles:
            self._accounts.stripe.agree()
        new_ids = {
            key: self._accounts.add(handle, tier, self._now).id
            for key, (handle, tier) in self.new_handles.items()
        }
        made = MadePairs()
        told = set()
        for (named, account), segment in self._pairs:
            account_id = new_ids[account] if isinstance(account, str) else account
            if named and account_id not in told:
                told.add(account_id)
                made.accounts.append(self._told(account_id, created=isinstance(account, str)))
            if isinstance(segment, Segment):
                segment_id = self._segments.keep(segment).id
                made.segments.append({"segmentId": segment_id, "segmentCreated": True})
            else:
                segment_id = segment
            made.tuples.append((account_id, segment_id))
        return made

    def _told(self, account_id: int, *, created: bool) -> dict[str, Any]:
        handle = self._accounts.get(account_id).handle
        told: dict[str, Any] = {"handle": handle, "accountId": account_id, "accountCreated": created}
        return {**told, "billingDelta": "stripe_quantity_incremented"} if created else told

    def _account(self, pair: Mapping[str, Any]) -> tuple[bool, int | str]:
        """Whether the account is named by its handle; its id, or the key of a new one."""
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
