"""Defects of the listeners, health's above all: who may ask, and what hostile peers cost."""

from typing import Any

from tests.proof.defects.planting import around, defect, instead, planted_by_its_test

HOSTILE = "tests/proof/hostile/test_hostile_health.py"
REQUEST = "tests/health/test_request.py"


@defect("alive", "hostile", f"{HOSTILE}::test_slow_ones_that_take_every_connection_keep_nobody_out")
def slow_connections_keep_others_out() -> None:
    """When all connections are taken, nobody else is until one of them ends."""

    def make(plain: Any) -> Any:
        def accept(self: Any) -> None:
            if len(self._open) < self._options.connections:
                plain(self)

        return accept

    around("syncd.http.listener:_Loop._accept", make)


@defect("alive", "hostile", f"{HOSTILE}::test_one_that_drips_is_cut_when_patience_is_over")
def each_byte_renews_the_patience() -> None:
    """Who sends a byte now and then keeps its connection for ever."""

    def make(plain: Any) -> Any:
        def read(self: Any, connection: Any) -> Any:
            connection.ends = self._clock.monotonic() + self._options.patience
            return plain(self, connection)

        return read

    around("syncd.http.listener:_Loop._read", make)


@defect("alive", "hostile", f"{HOSTILE}::test_a_body_is_refused_before_it_has_come_and_is_kept_nowhere")
def a_body_is_read_to_its_end() -> None:
    """Who sends a body is read for as long as it comes."""
    instead("syncd.health.server:MOST", 1 << 40)


@defect("alive", "health", "tests/health/test_recent.py::test_metrics_are_made_once_a_second")
def each_scrape_is_made_anew() -> None:
    """Who asks for /metrics in a loop has a core."""

    def make(_: Any) -> Any:
        return lambda _self, _key, make: make()

    around("syncd.health.snapshot:Recent.get", make)


@defect(
    "alive", "health", "tests/health/test_recent.py::test_each_format_is_made_and_formats_without_end_are_not"
)
def formats_without_end_are_made() -> None:
    """A number that the asker makes up has metrics made anew, and kept."""
    instead("syncd.health.metrics:MOST_FORMATS", 1 << 40)


@defect("closed to strangers", "health", f"{REQUEST}::test_pages_of_other_sites_learn_nothing")
def any_host_is_ours() -> None:
    """A page whose name leads to this machine reads /metrics."""
    instead("syncd.health.server:is_ours", lambda _host, _names: True)


@defect("closed to strangers", "health", f"{REQUEST}::test_pages_of_other_sites_learn_nothing")
def pages_of_other_sites_are_answered() -> None:
    """A page of another site may ask."""

    def make(plain: Any) -> Any:
        def parse(head: bytes) -> Any:
            found = plain(head)
            return found and found._replace(foreign=False)

        return parse

    around("syncd.health.server:parse", make)


@defect(
    "seen in time",
    "health",
    "tests/health/test_metrics.py::test_what_may_come_to_be_counted_is_there_before_it_is",
)
def counters_begin_with_their_first_event() -> None:
    """Sixty refusals within a minute of the start raise no alert."""
    instead("syncd.health.counters:Counting.expect", lambda *_: None)


planted_by_its_test(
    "a_rule_for_prometheus_is_wrong",
    "An alert that a message which got through does not silence, or that one of two instances cannot raise.",
    ("seen in time", "health"),
    "tests/health/test_rules_fire.py::test_a_rule_that_is_wrong_is_noticed",
    many=4,
)
