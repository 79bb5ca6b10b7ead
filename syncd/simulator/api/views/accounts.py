"""The routes of the user and of tracked accounts; a method has the name of its route."""

from collections import defaultdict
from typing import Any

from flask import Response

from syncd.simulator.api.request_data import body_of
from syncd.simulator.api.responses import reply
from syncd.simulator.campaigns.accounts import account_payload, me_payload
from syncd.simulator.campaigns.models import Account
from syncd.simulator.world import World


class AccountViews:
    """The routes over one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._options = world.options

    def me(self) -> Response:
        """`GET /me`."""
        with self._world.moment() as now:
            return reply(me_payload(self._world.accounts, self._world.credits, self._options, now))

    def accounts(self) -> Response:
        """`GET /accounts`."""
        with self._world.moment():
            every = self._world.accounts.all
            shown = {account.id: self._shown(account) for account in every}
        return reply(
            {
                "active": [shown[account.id] for account in every if not account.asleep],
                "sleeping": [shown[account.id] for account in every if account.asleep],
            }
        )

    def sleep_account(self, account_id: int) -> Response:
        """`POST /accounts/{id}/sleep`; a body is ignored."""
        with self._world.moment():
            self._world.accounts.sleep(account_id)
            self._world.refresh_pairs()
        return reply({"success": True, "accountId": account_id, "asleep": True})

    def wake_account(self, account_id: int) -> Response:
        """`POST /accounts/{id}/wake`; a body is ignored."""
        with self._world.moment():
            self._world.accounts.wake(account_id)
            self._world.refresh_pairs()
        return reply({"success": True, "accountId": account_id, "awake": True})

    def change_tier(self, account_id: int) -> Response:
        """`POST /accounts/{id}/change-tier`."""
        body = body_of("TierRequest")
        with self._world.moment() as now:
            account, action = self._world.accounts.change_tier(account_id, body["newTier"], now)
            shown = self._shown(account)
        answer = {"account": shown, "action": action}
        effective = shown["pendingTierEffectiveAt"]
        return reply({**answer, "effectiveAt": effective} if effective else answer)

    def _shown(self, account: Account) -> dict[str, Any]:
        segments = defaultdict[int, set[int]](set)
        for pair in self._world.streams.linked():
            segments[pair.account_id].add(pair.segment_id)
        return account_payload(account, segments[account.id], self._options)
