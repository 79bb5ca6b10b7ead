"""Defects that a layer plants itself, since each takes a world, a process or a connector of its own."""

from tests.proof.defects.planting import planted_by_its_test

planted_by_its_test(
    "without_full_sync",
    "`synchronous=NORMAL`: what a power cut may leave shows leads twice, and exports without evidence.",
    ("I-1, I-3", "power cut"),
    "tests/proof/crash/test_power_cut.py::test_without_full_sync_images_are_bad",
)
planted_by_its_test(
    "without_maybe_sent",
    "Killed between a call and its answer, the next life makes a second object.",
    ("I-3, I-5", "kill sweep"),
    "tests/proof/crash/test_kill_sweep.py::test_without_the_mark_of_what_may_be_sent_kills_are_seen",
)
planted_by_its_test(
    "never_looks_before_it_writes",
    "In a world of kills, a CSV row whose answer was lost is written again.",
    ("I-3", "simulation"),
    "tests/proof/simulation/test_it_notices.py::test_a_planted_defect_is_noticed",
)
planted_by_its_test(
    "frees_slots_too_soon",
    "In a world of floods, a slot counts from long before its answer.",
    ("I-11", "simulation"),
    "tests/proof/simulation/test_it_notices.py::test_a_planted_defect_is_noticed",
)
planted_by_its_test(
    "believes_a_date_of_2099",
    "In a world of leads dated anyhow, the watermark goes wherever one says, and nobody reconciles.",
    ("I-4, I-6", "simulation"),
    "tests/proof/simulation/test_it_notices.py::test_a_planted_defect_is_noticed",
)
planted_by_its_test(
    "hears_one_of_each_page",
    "In a world of salespeople, of each page of what became of people one is heard.",
    ("every word arrives", "simulation"),
    "tests/proof/simulation/test_it_notices.py::test_a_planted_defect_is_noticed",
)
planted_by_its_test(
    "limiters",
    "A slot that is free too early or too late, rounded wrongly, forgotten, shared or kept for nobody.",
    ("I-11, pulls on time", "unit"),
    "tests/core/test_limiter_simulation.py::test_a_planted_defect_is_seen",
    many=13,
)
planted_by_its_test(
    "broken_connectors",
    "A connector that forgets, invents, doubles, blames, leaks, waits or halts where it should not.",
    ("I-2, I-3, I-5, I-10, I-13", "contract"),
    "tests/connectors/kit/test_contract_faults.py::test_a_broken_connector_is_caught",
    many=64,
)
planted_by_its_test(
    "a_proxy_logs_errors_with_their_address",
    "A push that meets a restart is in the error log of nginx or Caddy, with its secret address.",
    ("I-13", "deploy"),
    "tests/deploy/test_proxies.py::test_nginx_logs_no_secret_address",
    many=2,
)
