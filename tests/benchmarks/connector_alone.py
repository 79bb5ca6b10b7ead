"""A connector by itself: the benchmark's leads as deliveries, made beforehand and handed over in full batches.

Usage: connector_alone.py CONFIG LEADS. The connector is called `crm`. Prints the processor seconds of sending them.
"""

import gc
import importlib
import json
import sys
import time
from pathlib import Path

import structlog

from syncd.app.connectors import Mapped, compile_connectors
from syncd.app.privileges import settings_in_force
from syncd.clock import SystemClock
from syncd.core.delivery import Delivered, Delivery
from syncd.core.lead import read_lead
from syncd.mapping import Labels, variables
from tests.benchmarks.upstream import lead

LIBRARIES = {
    "hubspot": "hubspot.crm.contacts",
    "salesforce": "simple_salesforce.api",
    "apollo": "syncd.http.client",
}
LABELS = Labels({14: "Indie founders"}, {6: "Developer tools"}, {3: "northwindlabs"})


def made(mapped: Mapped, n: int) -> Delivery | None:
    """The delivery of lead number n to somebody who is not known yet; None if the connector does not want it."""
    found = read_lead("main", json.dumps(lead(n, contacts=True)))
    values = variables(found, LABELS, None, names=mapped.fields.uses | mapped.where.uses, now=time.time())
    if not mapped.where.accepts(values):
        return None
    fields = mapped.fields.evaluate(values)
    return Delivery(id=n, lead=found, fields=fields, person=found.person)


def main(config: Path, leads: int) -> None:
    """Send them. Raises ValueError if one is not delivered."""
    gc.freeze()  # both as the program does it
    gc.set_threshold(50_000, 20, 50)
    mapped = compile_connectors(settings_in_force(config))["crm"]
    importlib.import_module(
        LIBRARIES[mapped.configured.type]
    )  # as the bare loop has it when its clock starts
    connector = mapped.configured.open(SystemClock(), structlog.get_logger())
    groups: dict[str, list[Delivery]] = {}
    for delivery in filter(None, (made(mapped, n) for n in range(leads))):
        groups.setdefault(connector.route(delivery).group, []).append(delivery)
    size = connector.batch_size
    begin = time.process_time()
    for members in groups.values():
        for start in range(0, len(members), size):
            outcomes = connector.deliver(members[start : start + size])
            if not all(isinstance(outcome, Delivered) for outcome in outcomes):
                raise ValueError(f"not delivered: {outcomes}")
    print(time.process_time() - begin)
    connector.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
