"""Opening one connector costs nothing of another: neither its library nor its code is imported."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

TABLES = {
    "csv": 'path = "leads.csv"',
    "hubspot": 'access_token = "pat-x"',
    "salesforce": 'domain = "acme.my"\nclient_id = "x"\nclient_secret = "x"',
    "apollo": 'api_key = "x"',
    "webhook": 'url = "https://hooks.example.com/x"',
    "attio": 'access_token = "x"',
}
LIBRARIES = {
    "hubspot": {"hubspot", "urllib3"},
    "salesforce": {"simple_salesforce", "zeep", "lxml", "requests"},
}
OPEN = """
import json, sys
from pathlib import Path
from syncd.app.connectors import compile_connectors
from syncd.app.privileges import settings_in_force
from syncd.clock import SystemClock
import structlog

for mapped in compile_connectors(settings_in_force(Path(sys.argv[1]))).values():
    mapped.configured.open(SystemClock(), structlog.get_logger()).close()
print(json.dumps(sorted(sys.modules)))
"""


def opened(folder: Path, type_: str) -> set[str]:
    """The modules of a process that opened one connector, through its entry point."""
    config = folder / "config.toml"
    config.write_text(f'[sources.main]\napi_key = "x"\n[connectors.one]\ntype = "{type_}"\n{TABLES[type_]}\n')
    ran = subprocess.run(
        [sys.executable, "-c", OPEN, str(config)], capture_output=True, text=True, check=True, cwd=folder
    )
    return set(json.loads(ran.stdout))


@pytest.mark.parametrize("type_", TABLES)
def test_opening_one_connector_imports_no_other_and_no_others_library(tmp_path: Path, type_: str) -> None:
    loaded = opened(tmp_path, type_)
    ours = {name.split(".")[1] for name in loaded if name.startswith("connectors.")}
    assert ours == {type_}
    mine = LIBRARIES.get(type_, set()) | ({"urllib3"} if type_ == "salesforce" else set())
    foreign = set().union(*LIBRARIES.values()) - mine
    assert loaded & foreign == set()
    assert mine <= loaded
