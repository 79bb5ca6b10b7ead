"""A connector with `setup`, and its remote: people have columns, and what has no column cannot be written."""

from collections.abc import Mapping, Sequence

from syncd.connector import Change, Context
from syncd.testing.memory import Answer, MemoryConnector, MemoryOptions, MemoryRemote, RemoteError


class ColumnedRemote(MemoryRemote):
    """Refuses fields that nobody made a column for. `schema` is what `setup` may change."""

    def __init__(self, columns: Sequence[str] = ()) -> None:
        super().__init__("memory-s3cret")
        self.columns = list(columns)

    def schema(self) -> list[str]:
        return list(self.columns)

    def write(self, token: str, members: Sequence[tuple[str, Mapping[str, object]]]) -> list[Answer]:
        if any(name not in self.columns for _, fields in members for name in fields):
            raise RemoteError(400)
        return super().write(token, members)


class ColumnedConnector(MemoryConnector):
    """Makes the columns that its default mapping needs."""

    def __init__(self, options: MemoryOptions, context: Context) -> None:
        super().__init__(options, context)
        assert isinstance(options.remote, ColumnedRemote)
        self._columned = options.remote

    def setup(self, apply: bool) -> Sequence[Change]:  # noqa: FBT001 - the contract is positional
        missing = [name for name in self.defaults if name not in self._columned.columns]
        if apply:
            self._columned.columns += missing
        by_hand = Change(
            "a view of the new columns", done=False, by_hand="Make one in the remote's settings."
        )
        return [*(Change(f"column {name}", done=apply) for name in missing), by_hand]
