"""The CRMs on loopback, for trying syncd by hand: `python -m syncd.simulator.crms [--hubspot-port 8401] …`.

A CRM is the module `syncd.simulator.crms.<vendor>` with a class `<Vendor>Fake` that has a method `wsgi`. All are served,
each on its own port, until Ctrl-C or SIGTERM. One line each says where, and with which made-up secret. What a
salesperson does there is done at `/control`: see `syncd.simulator.crms.salesperson`.
"""

import argparse
import importlib
import importlib.util
import inspect
import signal
import sys
import threading
import time
from contextlib import ExitStack
from types import ModuleType
from typing import Any

from syncd.simulator.crms.salesperson import controlled
from syncd.simulator.wsgi import served

PORTS = {"hubspot": 8401, "salesforce": 8402, "apollo": 8403, "webhook": 8404, "attio": 8405}
_SECRETS = ("TOKEN", "KEY", "CLIENT_ID", "CLIENT_SECRET", "SIGNING_SECRET")


def found(vendor: str) -> ModuleType | None:
    """The vendor's module, if it was written."""
    name = f"syncd.simulator.crms.{vendor}"
    return importlib.import_module(name) if importlib.util.find_spec(name) else None


def made(vendor: str, module: ModuleType) -> Any:
    """A new fake, in real time, and as a vendor hands it over: nobody has set it up."""
    cls = next(cls for name, cls in vars(module).items() if name.lower() == f"{vendor}fake")
    given = {"now": time.time, "ready": False}
    return cls(**{name: given[name] for name in given.keys() & inspect.signature(cls).parameters.keys()})


def told(vendor: str, url: str, module: ModuleType) -> str:
    """The line that says where a fake is."""
    secrets = [f"{name.lower()}={getattr(module, name)}" for name in _SECRETS if hasattr(module, name)]
    return " ".join([vendor, url + getattr(module, "PREFIX", ""), *secrets])


def main(arguments: list[str]) -> int:
    """Serve until a signal. 69 when there is nothing to serve."""
    parser = argparse.ArgumentParser(
        "python -m syncd.simulator.crms",
        description="The CRM fakes, and a receiver of webhooks, on loopback.",
    )
    for vendor, port in PORTS.items():
        parser.add_argument(
            f"--{vendor}-port", type=int, default=port, help=f"default {port}; 0: any that is free"
        )
    ports = vars(parser.parse_args(arguments))
    modules = {vendor: module for vendor in PORTS if (module := found(vendor))}
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    with ExitStack() as stack:
        for vendor, module in modules.items():
            url = stack.enter_context(served(controlled(made(vendor, module)), port=ports[f"{vendor}_port"]))
            sys.stdout.write(told(vendor, url, module) + "\n")
        sys.stdout.flush()
        if modules:
            over.wait()
    return 0 if modules else 69


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
