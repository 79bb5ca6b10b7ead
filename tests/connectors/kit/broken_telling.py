"""Connectors that tell what became of people, each wrong in one way: see `broken_sending`."""

from collections.abc import Sequence

from syncd.connector import Failure, Halt, Pause, Status, Statuses
from syncd.testing.memory import RemoteError
from tests.connectors.telling import Entry, TellingConnector


class TellsNothing(TellingConnector):
    """Has the method and no answer."""

    def statuses_since(self, cursor: str) -> Statuses:
        return Statuses((), cursor)


class TellsLabels(TellingConnector):
    """Tells what people see instead of the value."""

    def statuses_since(self, cursor: str) -> Statuses:
        page = super().statuses_since(cursor)
        return page._replace(found=[it._replace(value=it.value.title()) for it in page.found])


class Milliseconds(TellingConnector):
    def statuses_since(self, cursor: str) -> Statuses:
        page = super().statuses_since(cursor)
        return page._replace(found=[it._replace(changed_at=it.changed_at * 1000) for it in page.found])


class NoOverlap(TellingConnector):
    """Begins where the last look ended, to the second."""

    def _begin(self) -> float:
        return self._clock.now()


class OnceEach(TellingConnector):
    """Tells nobody twice."""

    def statuses_since(self, cursor: str) -> Statuses:
        page = super().statuses_since(cursor)
        known = vars(self).setdefault("known", set())
        new = [it for it in page.found if it.person not in known]
        known.update(it.person for it in new)
        return page._replace(found=new)


class StandsStill(TellingConnector):
    """Promises more for ever."""

    def statuses_since(self, cursor: str) -> Statuses:
        return super().statuses_since(cursor)._replace(more=True)


class Remembers(TellingConnector):
    """Keeps its place in memory, and the cursor for show."""

    def statuses_since(self, cursor: str) -> Statuses:
        del cursor
        page = super().statuses_since(vars(self).get("kept", ""))
        vars(self)["kept"] = page.cursor
        return page


class Tidies(TellingConnector):
    """Takes what it was told out of the remote."""

    def statuses_since(self, cursor: str) -> Statuses:
        page = super().statuses_since(cursor)
        for status in page.found:
            self._telling.people[status.person].pop("outcome", None)
        return page


class TrustsCursors(TellingConnector):
    """Believes that every cursor is its own."""

    def statuses_since(self, cursor: str) -> Statuses:
        if cursor:
            float(cursor.split(maxsplit=1)[0])
        return super().statuses_since(cursor)


class Swallows(TellingConnector):
    """Trouble is an empty page."""

    def statuses_since(self, cursor: str) -> Statuses:
        try:
            return super().statuses_since(cursor)
        except Failure:
            return Statuses((), "")


class HaltsAtErrors(TellingConnector):
    def _failure(self, error: RemoteError) -> Failure:
        why = super()._failure(error)
        return Halt(why.code, why.detail) if error.status == 500 else why


class WaitsForATokenToReturn(TellingConnector):
    def _failure(self, error: RemoteError) -> Failure:
        why = super()._failure(error)
        return Pause(why.code, why.detail) if error.status == 401 else why


class NamesTheLast(TellingConnector):
    """Its cursor says who was told last."""

    def _page(self, found: Sequence[Entry], since: float, skip: int) -> Statuses:
        page = super()._page(found, since, skip)
        told: Sequence[Status] = page.found
        return page._replace(cursor=f"{page.cursor} {told[-1].person}") if told else page

    @staticmethod
    def _place(cursor: str) -> tuple[float, int]:
        return TellingConnector._place(" ".join(cursor.split()[:2]))
