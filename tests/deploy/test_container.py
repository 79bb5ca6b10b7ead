"""The image and the composition of containers, as far as they can be judged without running either."""

import re
import shutil
import subprocess
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from syncd.settings import load
from tests.deploy.dockerfile import Stage, pins, stages

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "deploy" / "docker"
UID = "10001"
STAGES = stages(DOCKER / "Dockerfile")
FINAL = STAGES[-1]
COMPOSE: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text())
SYNCD: dict[str, Any] = COMPOSE["services"]["syncd"]
LITESTREAM: dict[str, Any] = COMPOSE["services"]["litestream"]


def test_the_image_is_built_in_one_stage_and_runs_in_another() -> None:
    assert [stage.name for stage in STAGES] == ["build", ""]
    assert {stage.base for stage in STAGES} == {"python:${PYTHON}-slim-trixie"}
    assert [step for step in FINAL.all("RUN") if "pip" in step or "apt" in step] == []


def test_the_program_is_the_entry_point_and_data_its_only_volume() -> None:
    assert (FINAL.last("ENTRYPOINT"), FINAL.all("CMD")) == ('["syncd"]', [])
    assert (FINAL.last("VOLUME"), FINAL.last("WORKDIR"), FINAL.last("STOPSIGNAL")) == (
        "/data",
        "/data",
        "SIGTERM",
    )


def test_it_runs_as_a_fixed_number_that_owns_the_volume() -> None:
    assert FINAL.last("USER") == f"{UID}:{UID}"
    assert f"install -d -m 700 -o {UID} -g {UID} /data" in FINAL.all("RUN")[0]
    steps = [word for word, _ in FINAL.steps]
    assert steps.index("RUN") < steps.index("VOLUME"), "what is done to a volume after it is declared is lost"


def test_the_health_check_asks_only_whether_it_is_alive() -> None:
    check = FINAL.last("HEALTHCHECK")
    assert check.endswith('CMD ["python", "-m", "syncd.healthcheck"]')
    timeout = int(re.findall(r"--timeout=(\d+)s", check)[0])
    assert timeout > 2 * 4.0


def test_relative_paths_of_the_mounted_configuration_are_in_the_volume() -> None:
    assert "STATE_DIRECTORY=/data" in FINAL.last("ENV")


@pytest.mark.parametrize("label", ["title", "description", "licenses", "version", "revision"])
def test_the_image_says_what_it_is(label: str) -> None:
    assert f"org.opencontainers.image.{label}=" in FINAL.last("LABEL")


def test_nothing_is_installed_that_is_not_a_wheel_with_a_known_hash_or_our_own() -> None:
    for command in (part for step in STAGES[0].all("RUN") for part in step.split(" && ")):
        if " install " in command or " wheel " in command:
            locked = {"--require-hashes", "--only-binary"} <= set(command.split())
            ours = {"--no-deps", "--no-index"} <= set(command.split())
            assert locked or ours, command


def test_the_images_lock_pins_what_the_tests_ran_with() -> None:
    image, tested = pins(DOCKER / "requirements.lock"), pins(ROOT / "requirements.lock")
    assert {name: pin for name, pin in image.items() if tested.get(name) != pin} == {}, "make lock"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = {re.split(r"[<>=\[ ]", it)[0] for it in project["dependencies"]}
    assert needed - set(image) == set(), "make lock"
    assert {name for name, (_, hashes) in image.items() if not hashes} == set()
    assert "hatchling" in pins(DOCKER / "build.lock")


def test_the_python_in_the_image_is_one_that_the_project_supports() -> None:
    version = re.findall(r"^ARG PYTHON=3\.(\d+)$", (DOCKER / "Dockerfile").read_text(), re.MULTILINE)
    assert int(version[0]) >= 11


def test_what_is_copied_exists_and_the_build_may_see_it() -> None:
    for source in (source for stage in STAGES for source in _copied(stage)):
        assert (ROOT / source).exists(), source
        assert _seen(source), source


@pytest.mark.parametrize(
    "name",
    ["config.toml", ".git/config", "syncd.db", "deploy/docker/secrets/sources.main.api_key", ".venv/x"],
)
def test_the_build_does_not_see_what_may_be_secret(name: str) -> None:
    assert not _seen(name)


def _copied(stage: Stage) -> list[str]:
    return [source for rest in stage.all("COPY") if "--from" not in rest for source in rest.split()[:-1]]


def _seen(name: str) -> bool:
    """By the ignore file, whose last word counts."""
    seen = True
    for line in (DOCKER / "Dockerfile.dockerignore").read_text().splitlines():
        rule = line.removeprefix("!").removesuffix("/**")
        if line and not line.startswith("#") and (fnmatch(name, rule) or name.startswith(f"{rule}/")):
            seen = line.startswith("!")
    return seen


@pytest.mark.skipif(not shutil.which("hadolint"), reason="needs hadolint")
def test_hadolint_finds_nothing() -> None:
    command = [shutil.which("hadolint") or "", str(DOCKER / "Dockerfile")]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (0, "")


@pytest.mark.skipif(not shutil.which("docker-compose"), reason="needs docker-compose")
def test_compose_takes_its_file() -> None:
    command = [shutil.which("docker-compose") or "", "-f", str(DOCKER / "compose.yaml"), "--profile", "replica", "config", "-q"]  # fmt: skip
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize("service", [SYNCD, LITESTREAM], ids=["syncd", "litestream"])
def test_no_container_may_do_more_than_it_needs(service: dict[str, Any]) -> None:
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"mem_limit", "pids_limit", "stop_grace_period", "restart"} <= set(service)
    assert "ports" not in service
    assert "privileged" not in service


def test_the_container_may_take_as_much_memory_as_the_unit() -> None:
    unit = (ROOT / "deploy/systemd/syncd.service").read_text()
    assert SYNCD["mem_limit"] == re.findall(r"^MemoryMax=(.+)$", unit, re.MULTILINE)[0].lower()


def test_a_crash_leaves_no_core_on_the_volume() -> None:
    assert SYNCD["ulimits"] == {"core": 0}


def test_the_grace_period_is_longer_than_a_drain() -> None:
    assert int(SYNCD["stop_grace_period"].removesuffix("s")) > 10


def test_the_composition_builds_this_dockerfile_from_the_root_of_the_repository() -> None:
    context = (DOCKER / SYNCD["build"]["context"]).resolve()
    assert (context, context / SYNCD["build"]["dockerfile"]) == (ROOT, DOCKER / "Dockerfile")


def test_the_image_is_made_here_and_looked_for_nowhere() -> None:
    assert SYNCD["pull_policy"] == "build"


@pytest.mark.parametrize("service", [SYNCD, LITESTREAM], ids=["syncd", "litestream"])
def test_a_file_that_is_missing_is_not_made_into_a_folder(service: dict[str, Any]) -> None:
    files = [it for it in service["volumes"] if it != "data:/data"]
    assert len(files) == 1
    for it in files:
        assert (it["type"], it["read_only"], it["bind"]) == ("bind", True, {"create_host_path": False})


def test_secrets_go_in_as_files_named_by_their_key(tmp_path: Path) -> None:
    (given,) = SYNCD["secrets"]
    assert set(COMPOSE["secrets"]) == {given["source"]}
    (tmp_path / given["target"]).write_text("from-a-secret\n")
    settings = load(None, {"SYNCD_CONNECTORS__SHEET__TYPE": "csv"}, docker_secrets=tmp_path)
    assert settings.sources["main"].api_key.get_secret_value() == "from-a-secret"


def test_the_environment_of_the_composition_is_settings(tmp_path: Path) -> None:
    settings = load(None, SYNCD["environment"], docker_secrets=tmp_path)
    assert settings.health.listen == "0.0.0.0:8377"


def test_the_sidecar_is_an_option_that_acts_as_the_ledgers_owner() -> None:
    assert LITESTREAM["profiles"] == ["replica"]
    assert LITESTREAM["user"] == f"{UID}:{UID}"
    assert LITESTREAM["depends_on"] == {"syncd": {"condition": "service_healthy"}}
    (ledger,) = yaml.safe_load((DOCKER / "litestream.yml").read_text())["dbs"]
    assert ledger["path"] == "/data/syncd.db"
    assert "data:/data" in LITESTREAM["volumes"]
    assert not LITESTREAM["image"].endswith(":latest")
