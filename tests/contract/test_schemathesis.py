import pytest
import schemathesis
from schemathesis import Case, Config

from syncd.simulator import Options, create_app

APP = create_app(Options(rate_limit=1_000_000))
CONFIG = Config.from_dict({
    "seed": 1,
    "generation": {"max-examples": 15, "deterministic": True, "database": "none"},
})
schema = schemathesis.openapi.from_wsgi("/api/v2/openapi.json", APP, config=CONFIG)


@schema.parametrize()
def test_no_input(case: Case) -> None:
    case.call_and_validate(headers={"Authorization": "Bearer ctgo_fuzz"})
