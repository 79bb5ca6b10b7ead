"""Two sources whose keys are of one account share what CTGO marks; two accounts that count alike share nothing."""

from syncd.ledger import twins
from syncd.ledger.admin.auditor import contradictions
from syncd.simulator.world import World
from tests.support import Bench, unreachable

OTHER_KEY = "ctgo_another_key_of_the_team"
EARLY = 1_000_000_000.0


def _team(bench: Bench) -> tuple[World, set[int]]:
    """A key for some campaigns and a key for the others, a connector for each. Returns the ids that both list."""
    world = bench.ctgo(leads=12, repeats=1.0, limit=1000, rate_limit=1000, takers=["crm"])
    streams = sorted({row.stream_id for row in world.rows()})
    first, second = streams[: len(streams) // 2], streams[len(streams) // 2 :]
    bench.accounts["main"].context["stream_ids"] = first
    bench.another_key("second", OTHER_KEY, takers=["sheet"], context={"stream_ids": second, "start": EARLY})
    bench.place("crm")
    bench.place("sheet")
    by_key = [{row.id for row in world.rows() if row.stream_id in mine} for mine in (first, second)]
    both = by_key[0] & by_key[1]
    assert both
    assert by_key[0] - both
    return world, both


def _pull(bench: Bench, name: str, seconds: float) -> None:
    bench.life.pulls[name].ask_live()
    bench.wake("pull", name)
    bench.run(seconds)


def test_an_id_is_exported_when_the_connectors_of_both_keys_have_it(bench: Bench) -> None:
    world, both = _team(bench)
    bench.places["sheet"].far.rule = unreachable
    bench.once(seconds=600)
    assert world.exported
    assert both.isdisjoint(world.exported)
    bench.check()
    with bench.ledger.read() as connection:
        assert list(contradictions(connection)) == []
    bench.places["sheet"].far.rule = None
    bench.run()
    bench.check()
    assert set(world.exported) == {row.id for row in world.rows()}
    assert set(bench.leads("main")) == set(bench.leads("second")) == {"exported"}


def test_a_mark_that_came_with_the_other_keys_export_is_no_strangers(bench: Bench) -> None:
    world, both = _team(bench)
    _pull(bench, "main", 3600)
    assert both <= set(world.exported)
    _pull(bench, "second", 3600)
    bench.check()
    assert set(bench.leads("second")) == {"exported"}
    assert both <= set(bench.places["sheet"].far.lead_ids())


def test_a_row_that_comes_while_the_other_key_owes_the_export_holds_it(bench: Bench) -> None:
    world, both = _team(bench)
    for name in ("main", "second"):  # as if they waited for slots
        del bench.life.exports[name], bench.due["export", name]
    _pull(bench, "main", 0)
    assert not world.exported
    bench.places["sheet"].far.rule = unreachable
    _pull(bench, "second", 0)
    owed = {row[0] for row in bench.rows("SELECT lead_id FROM export WHERE source = 'main'")}
    assert owed
    assert both.isdisjoint(owed)


def test_two_accounts_whose_ids_are_alike_disturb_each_other_in_nothing(bench: Bench) -> None:
    ours = bench.ctgo("main", leads=20, seed=1, takers=["crm"])
    theirs = bench.ctgo("second", leads=20, seed=2, takers=["sheet"], key=OTHER_KEY)
    assert {row.id for row in ours.rows()} == {row.id for row in theirs.rows()}
    bench.place("crm")
    bench.place("sheet")
    with bench.ledger.write() as connection:
        twins.set_addresses(
            connection, dict.fromkeys(("main", "second"), "https://www.catchthegoodones.com/api/v2")
        )
    bench.places["sheet"].far.rule = unreachable
    bench.once(seconds=600)
    assert len(ours.exported) == 20
    assert not theirs.exported
    marked = theirs.add_leads(1)[0]
    theirs.export(marked)
    ours.add_leads(1)
    bench.clock.advance(60)
    bench.once(seconds=600)
    assert bench.leads("second") == {"delivering": 20, "elsewhere": 1}
