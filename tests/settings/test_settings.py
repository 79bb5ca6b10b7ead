"""Layers, precedence, and finding the file."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from syncd.settings import Settings, SettingsError, find_config, load, passed_over, secret_values

KEY = "ctgo_canary_5f1d"
SOURCE = f'[sources.main]\napi_key = "{KEY}"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.toml").write_text(SOURCE)
    return tmp_path


def loaded(folder: Path, environ: Mapping[str, str] | None = None, **flags: object) -> Settings:
    return load(
        folder / "config.toml",
        environ or {},
        flags={key.replace("__", "."): value for key, value in flags.items()},
        docker_secrets=folder / "secrets",
    )


def put(folder: Path, text: str) -> Path:
    (folder / "config.toml").write_text(text)
    return folder


def secret(folder: Path, name: str, text: str) -> Path:
    (folder / "secrets").mkdir(exist_ok=True)
    (folder / "secrets" / name).write_text(text)
    return folder / "secrets" / name


def key_of(settings: Settings) -> str:
    return settings.sources["main"].api_key.get_secret_value()


def test_defaults_are_those_of_the_documentation(folder: Path) -> None:
    settings = loaded(folder)
    main = settings.sources["main"]
    assert (main.poll, main.poll.every, main.lookback, main.reconcile_window) == (
        "60s",
        60.0,
        3600.0,
        2592000.0,
    )
    assert (main.start, main.requests_per_minute, main.export, main.enrich) == ("new", 60, True, None)
    assert main.base_url == "https://www.catchthegoodones.com/api/v2"
    assert settings.state.retention == 90 * 86400.0
    assert (settings.health.listen.host, settings.health.listen.port) == ("127.0.0.1", 8377)
    assert settings.health.hosts == ()
    assert (settings.log.format, settings.log.level) == ("auto", "info")


def test_nothing_at_all_loads_and_only_requiring_work_complains(tmp_path: Path) -> None:
    settings = load(None, {}, docker_secrets=tmp_path)
    with pytest.raises(SettingsError) as caught:
        settings.require_sources()
    assert [mistake.split(":")[1].strip() for mistake in caught.value.mistakes] == ["sources", "connectors"]


def test_require_sources_is_silent_when_there_is_work(folder: Path) -> None:
    loaded(put(folder, SOURCE + '[connectors.sheet]\ntype = "csv"')).require_sources()


def test_each_layer_wins_over_the_one_below(folder: Path) -> None:
    assert loaded(folder).log.level == "info"
    put(folder, '[log]\nlevel = "warning"')
    assert loaded(folder).log.level == "warning"
    assert loaded(folder, {"SYNCD_LOG__LEVEL": "error"}).log.level == "error"
    assert loaded(folder, {"SYNCD_LOG__LEVEL": "error"}, log__level="debug").log.level == "debug"


def test_a_secret_file_wins_over_the_configuration_and_a_variable_over_both(folder: Path) -> None:
    secret(folder, "sources.main.api_key", "from-docker\n")
    assert key_of(loaded(folder)) == "from-docker"
    assert key_of(loaded(folder, {"SYNCD_SOURCES__MAIN__API_KEY": "from-env"})) == "from-env"


def test_systemd_credentials_are_read_like_docker_secrets(folder: Path) -> None:
    secret(folder, "alerts.webhook_url", "https://hooks.example/abc")
    (folder / "secrets" / "db_password").write_text("not ours")
    (folder / "secrets" / "sources.txt").write_text("not ours either")
    settings = load(
        folder / "config.toml",
        {"CREDENTIALS_DIRECTORY": str(folder / "secrets")},
        docker_secrets=folder / "none",
    )
    assert settings.alerts.webhook_url.get_secret_value() == "https://hooks.example/abc"


def test_a_folder_of_credentials_that_systemd_loads_whole_is_read_by_key(folder: Path) -> None:
    secret(folder, "syncd_sources.main.api_key", "from-systemd\n")
    assert key_of(loaded(folder)) == "from-systemd"


def test_a_variable_may_name_a_file_and_its_last_line_break_is_not_part_of_the_secret(folder: Path) -> None:
    file = secret(folder, "key.txt", "from-file\r\n")
    assert key_of(loaded(folder, {"SYNCD_SOURCES__MAIN__API_KEY_FILE": str(file)})) == "from-file"


def test_a_source_and_a_connector_may_exist_through_the_environment_only(tmp_path: Path) -> None:
    environ = {
        "syncd_sources__Main__API_KEY": KEY,
        "SYNCD_SOURCES__MAIN__STREAM_IDS": "[3, 5]",
        "SYNCD_SOURCES__MAIN__EXPORT": "false",
        "SYNCD_SOURCES__MAIN__ENRICH__OUTPUTS": '["email"]',
        "SYNCD_CONNECTORS__SHEET__TYPE": "csv",
        "SYNCD_CONNECTORS__SHEET__PATH": "a.csv",
        "SYNCD_CONNECTORS__SHEET__KEY": '["id"]',
        "SYNCD_CONNECTORS__SHEET__FIELDS": '{"Id__c": "{{ id }}"}',
        "SYNCD_CONNECTORS__SHEET__PASSWORD": "123456",
        "OTHER": "x",
    }
    settings = load(None, environ, docker_secrets=tmp_path)
    main, sheet = settings.sources["main"], settings.connectors["sheet"]
    assert (main.stream_ids, main.export, main.enrich and main.enrich.outputs) == ((3, 5), False, ("email",))
    assert sheet.options == {"path": "a.csv", "key": ["id"], "password": "123456"}
    assert sheet.fields is not None
    assert sheet.fields["Id__c"].value == "{{ id }}"


def test_a_single_key_in_the_environment_refines_a_whole_table_there(tmp_path: Path) -> None:
    environ = {
        "SYNCD_SOURCES__MAIN__POLL": "5m",
        "SYNCD_SOURCES": '{"main": {"api_key": "k", "poll": "1h", "lookback": "2h"}}',
    }
    main = load(None, environ, docker_secrets=tmp_path).sources["main"]
    assert (main.poll, main.lookback) == ("5m", 7200.0)


def test_what_kubernetes_sets_for_a_service_named_syncd_is_not_ours(folder: Path) -> None:
    environ = {
        "SYNCD_SERVICE_HOST": "10.0.0.1",
        "SYNCD_PORT_8377_TCP_ADDR": "10.0.0.1",
        "SYNCD_PORT": "tcp://x",
    }
    assert loaded(folder, environ) == loaded(folder)


def test_the_processs_own_environment_is_not_read_behind_the_callers_back(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNCD_LOG__LEVEL", "debug")
    assert loaded(folder, {"SYNCD_LOG__FORMAT": "json"}).log.level == "info"


def test_a_relative_ledger_stands_beside_the_configuration_and_not_in_the_working_directory(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert (
        load(Path("../config.toml"), {}, docker_secrets=folder / "no").state.path.resolve()
        == folder / "syncd.db"
    )
    put(folder, '[state]\nurl = "sqlite:////var/lib/syncd/s.db"')
    assert loaded(folder).state.path == Path("/var/lib/syncd/s.db")


def test_without_a_file_a_relative_ledger_stands_in_a_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert load(None, {}, docker_secrets=tmp_path).state.path == tmp_path / "data" / "syncd" / "syncd.db"
    environ = {"STATE_DIRECTORY": "/var/lib/syncd:/var/lib/other"}
    assert load(None, environ, docker_secrets=tmp_path).state.path == Path("/var/lib/syncd/syncd.db")


def test_the_systems_own_configuration_keeps_no_data_beside_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncd.settings.SYSTEM_CONFIG", folder / "config.toml")
    monkeypatch.chdir(folder)
    for name in (folder / "config.toml", Path("config.toml")):
        assert load(name, {}, docker_secrets=folder / "no").state.path == Path("/var/lib/syncd/syncd.db")
    container = {"STATE_DIRECTORY": "/data"}
    assert load(folder / "config.toml", container, docker_secrets=folder / "no").state.path == Path(
        "/data/syncd.db"
    )


def test_the_file_is_looked_for_from_the_most_to_the_least_particular_place(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncd.settings.SYSTEM_CONFIG", folder / "etc.toml")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "xdg"))
    monkeypatch.chdir(folder)
    (folder / "xdg" / "syncd").mkdir(parents=True)
    for file in (folder / "etc.toml", folder / "xdg" / "syncd" / "config.toml"):
        file.touch()
    named = {"SYNCD_CONFIG": "named.toml"}
    assert find_config(Path("flag.toml"), named) == Path("flag.toml")
    assert find_config(None, named) == Path("named.toml")
    assert find_config(None, {}, user=os.getuid() or 61234) == Path("config.toml")
    (folder / "config.toml").unlink()
    assert find_config(None, {}) == folder / "xdg" / "syncd" / "config.toml"
    (folder / "xdg" / "syncd" / "config.toml").unlink()
    assert find_config(None, {}) == folder / "etc.toml"
    (folder / "etc.toml").unlink()
    assert find_config(None, {}) is None


def of_somebody_else(file: Path) -> None:
    os.chown(file, 61234, 61234)


def for_all_to_write(file: Path) -> None:
    file.chmod(0o666)


def in_a_folder_for_all(file: Path) -> None:
    file.parent.chmod(0o777)


def link_to_somebody_elses(file: Path) -> None:
    """Whoever owns the link's folder lets it lead to root's file until it was looked at."""
    file.rename(file.with_name("real"))
    (file.parent / "deeper").mkdir()
    os.chown(file.parent / "deeper", 61234, 61234)
    (file.parent / "deeper" / "link").symlink_to(file.with_name("real"))
    file.symlink_to("deeper/link")


@pytest.mark.parametrize(
    "act", [of_somebody_else, for_all_to_write, in_a_folder_for_all, link_to_somebody_elses]
)
def test_a_strangers_file_in_the_working_directory_is_passed_over_and_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch, act: Callable[[Path], None]
) -> None:
    if os.geteuid() and act in (of_somebody_else, link_to_somebody_elses):
        pytest.skip("only root can give files away")
    monkeypatch.setattr("syncd.settings.SYSTEM_CONFIG", folder / "etc.toml")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "xdg"))
    monkeypatch.chdir(folder)
    (folder / "config.toml").touch(0o644)
    assert (find_config(None, {}), passed_over(None, {})) == (Path("config.toml"), "")
    act(folder / "config.toml")
    assert find_config(None, {}) is None
    assert "The config.toml of this folder is passed over: others may change" in passed_over(None, {})
    assert find_config(Path("config.toml"), {}) == Path("config.toml")
    assert passed_over(Path("config.toml"), {}) == ""
    assert passed_over(None, {"SYNCD_CONFIG": "config.toml"}) == ""


def test_root_reads_the_systems_and_looks_nowhere_else_when_there_is_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncd.settings.SYSTEM_CONFIG", folder / "etc.toml")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "xdg"))
    monkeypatch.chdir(folder)
    for name in ("config.toml", "etc.toml"):
        (folder / name).touch()
    assert find_config(None, {}, user=0) == folder / "etc.toml"
    assert "passed over: root reads the system's" in passed_over(None, {}, user=0)


def test_a_connectors_table_is_parted_into_ours_and_the_plugins(folder: Path) -> None:
    put(
        folder,
        SOURCE
        + '[connectors.crm]\ntype = "x"\nack = "best_effort"\nmax_age = "2d"\ntoken = "t"\ndeep = {a = 1}',
    )
    crm = loaded(folder).connectors["crm"]
    assert (crm.ack, crm.max_age, crm.gate, crm.attempts, crm.fields) == (
        "best_effort",
        172800.0,
        None,
        8,
        None,
    )
    assert crm.options == {"token": "t", "deep": {"a": 1}}


def test_a_source_that_names_no_connector_has_them_all(folder: Path) -> None:
    connectors = '[connectors.a]\ntype = "x"\n[connectors.b]\ntype = "x"\n'
    assert loaded(put(folder, SOURCE + connectors)).connectors_of("main") == ("a", "b")
    assert loaded(put(folder, SOURCE + 'connectors = ["b"]\n' + connectors)).connectors_of("main") == ("b",)


def test_a_start_may_be_an_instant_in_text_or_as_toml_has_it(folder: Path) -> None:
    for text in ('"2026-06-11T09:15:00+02:00"', "2026-06-11T07:15:00Z"):
        put(folder, f"{SOURCE}start = {text}")
        assert loaded(folder).sources["main"].start == datetime(2026, 6, 11, 7, 15, tzinfo=UTC)


def test_no_secret_is_seen_in_a_repr(folder: Path) -> None:
    put(
        folder,
        f'{SOURCE}[connectors.crm]\ntype = "x"\naccess_token = "{KEY}"\n[alerts]\nwebhook_url = "https://h/{KEY}"',
    )
    settings = loaded(folder)
    assert KEY not in f"{settings!r} {settings} {settings.connectors['crm']!r}"
    assert "type='x'" in repr(settings.connectors["crm"])


def test_the_secrets_can_be_listed_for_redaction(folder: Path) -> None:
    put(folder, f'{SOURCE}[alerts]\nwebhook_url = "https://h/1"')
    assert secret_values(loaded(folder)) == {KEY, "https://h/1"}


def test_the_file_may_begin_with_the_mark_that_windows_editors_write(folder: Path) -> None:
    (folder / "config.toml").write_bytes(b"\xef\xbb\xbf" + SOURCE.replace("\n", "\r\n").encode())
    assert key_of(loaded(folder)) == KEY


def test_importing_it_brings_nothing_heavy_along() -> None:
    code = (
        "import sys, syncd.settings, syncd.registry, syncd.log;"
        "print(sorted({'httpx', 'sqlmodel', 'sqlalchemy', 'jinja2', 'apscheduler', 'structlog', 'rich', 'connectors'}"
        " & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
