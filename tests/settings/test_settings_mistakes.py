"""Every mistake is one sentence that says where, which key, and what is accepted, and never shows a value."""

from pathlib import Path

import pytest

from syncd.settings import SettingsError, load

CANARY = "ctgo_canary_5f1d"
MAIN = f'[sources.main]\napi_key = "{CANARY}"\n'
TWICE = (
    MAIN
    + f'connectors = ["x"]\n[sources.b]\napi_key = "{CANARY}"\nconnectors = ["x"]\n[connectors.x]\ntype = "csv"\n'
)
TWO = '[sources.a]\napi_key = "k"\nconnectors = ["x"]\n[sources.b]\napi_key = "k2"\n[connectors.x]\ntype = "csv"\n'


def mistakes(folder: Path, text: str | bytes, environ: dict[str, str] | None = None) -> list[str]:
    """The sentences, without the folder that differs from run to run."""
    file = folder / "config.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SettingsError) as caught:
        load(file, environ or {}, docker_secrets=folder / "secrets")
    error = caught.value
    assert error.args == error.mistakes[:1]
    assert str(error).splitlines() == list(error.mistakes)
    assert error.__cause__ is None
    assert CANARY not in str(error)
    return [mistake.replace(f"{folder}/", "") for mistake in error.mistakes]


ONE_KEY = (
    "is sources.main's too, and leads would be exported early and lost: keep one source, with the stream_ids of both, and"
    " say where each campaign goes in the connectors' `where`, as in stream_id in [11, 12]"
)
SENTENCES = [
    # Unknown keys, with the nearest known one
    ("[source.main]", "source: unknown key, did you mean sources?"),
    (MAIN + 'pol = "60s"', "sources.main.pol: unknown key, did you mean poll?"),
    (MAIN + "[sources.main.enrich]\nper_dya = 3", "sources.main.enrich.per_dya: unknown key, did you mean per_day?"),
    ("[log]\nqqq = 1", "log.qqq: unknown key, known keys are: format, level"),
    ('[connectors.x]\ntype = "csv"\nfields.a = {value = "b", polic = "always"}',
     "connectors.x.fields.a.polic: unknown key, did you mean policy?"),
    (f"[log]\n{'q' * 99} = 1", f"log.'{'q' * 64}': unknown key, known keys are: format, level"),
    # Missing
    ("[sources.main]", "sources.main.api_key: is missing; it may be set as SYNCD_SOURCES__MAIN__API_KEY too"),
    ("[connectors.x]", "connectors.x.type: is missing; it may be set as SYNCD_CONNECTORS__X__TYPE too"),
    # Shapes
    ("sources = 3", "sources: must be a table"),
    ("[sources]\nmain = 3", "sources.main: must be a table"),
    ("[sources.main]\napi_key = 3", "sources.main.api_key: must be text in quotes"),
    (MAIN + "stream_ids = 3", 'sources.main.stream_ids: must be a list, as in ["a", "b"]'),
    (MAIN + "stream_ids = [1, 0]", "sources.main.stream_ids.1: must be greater than or equal to 1"),
    (MAIN + 'export = "perhaps"', "sources.main.export: must be a valid boolean"),
    (MAIN + "requests_per_minute = 0", "sources.main.requests_per_minute: must be greater than or equal to 1"),
    ('[log]\nformat = "xml"', "log.format: must be 'auto', 'console' or 'json'"),
    ('[connectors.x]\ntype = "csv"\nfields.a = 3', "connectors.x.fields.a: must be a text in quotes, or a table"),
    # The console
    ("[console]\nlisten = 8379", "console.listen: must be host:port such as 127.0.0.1:8379, or unix: and a path such as unix:/run/syncd/console.sock"),
    ('[console]\nlisten = "unix:run/console.sock"', "console.listen: must be host:port such as 127.0.0.1:8379, or unix: and a path such as unix:/run/syncd/console.sock"),
    ('[console]\nlisten = "0.0.0.0:8379"', "console: listens where other machines reach it, so public_url must be an https:// address"),
    ('[console]\nlisten = "unix:/run/c.sock"', "console: listens on a socket, so it needs public_url: the address of the proxy in front of it"),
    ('[console]\nlisten = "127.0.0.1:8377"', "console.listen: is where health or push listens: give the console an address of its own"),
    ('[console]\npublic_url = "http://ops.example.com"', "console.public_url: must begin with https:// (plain http is for this machine's own addresses only)"),
    ('[console]\npublic_url = "https://ops.example.com/syncd"', "console.public_url: must end after the host: the console has no path of its own"),
    ('[console]\ntime_zone = "Mars/Base"', "console.time_zone: must be a time zone that is known here, such as UTC or Europe/Paris"),
    ("[console]\ncalls_size = 3", 'console.calls_size: must be a size such as "512KiB", "64MiB" or "1GiB"'),
    ('[console]\ncalls = "some"', "console.calls: must be 'all', 'refused' or 'none'"),
    ("[console.proxy]", "console: has a proxy without a secret, which is for a Unix socket only: add proxy.secret"),
    ('[console.proxy]\nsecret = "x"\nuser_header = "a b"', "console.proxy.user_header: must be the name of a header, such as Remote-User"),
    # Durations, schedules, instants
    (MAIN + f'lookback = "{CANARY}"', "sources.main.lookback: must be a duration such as 30s, 15m, 2h, 7d or 1h30m"),
    ("[state]\nretention = 90", "state.retention: must be a duration such as 30s, 15m, 2h, 7d or 1h30m"),
    ('[state]\nretention = "3651d"', "state.retention: must be at most 3650d"),
    (MAIN + 'poll = "0s"', "sources.main.poll: must be at least 1s"),
    (MAIN + 'poll = "* * * *"',
     'sources.main.poll: must be a duration such as 60s, or a cron line of five fields such as "*/5 * * * *"'),
    (MAIN + 'poll = "61 * * * *"', "sources.main.poll: has a minute outside 0-59"),
    (MAIN + 'start = "2026-06-11T07:15:00"',
     'sources.main.start: has no time zone: write it as 2026-06-11T07:15:00Z; or "new", "now", "all"'),
    (MAIN + "start = 5",
     'sources.main.start: must be a time such as 2026-06-11T07:15:00Z, 2026-06-11, yesterday, today, or 2h for so long ago; or "new", "now", "all"'),
    ('[alerts]\nwebhook_url = "https://h"\ndigest = "8 Paris"',
     'alerts.digest: must be a time and a zone such as "08:00 Europe/Paris", or empty'),
    ('[alerts]\nwebhook_url = "https://h"\ndigest = "08:00 Mars/Base"',
     'alerts.digest: must be a time and a zone such as "08:00 Europe/Paris", or empty; that zone is not known here'),
    ('[alerts]\ndigest = "08:00"', "alerts.digest: needs alerts.webhook_url, for that is where it goes"),
    # Addresses
    (MAIN + 'base_url = "http://ctgo.example/api"',
     "sources.main.base_url: must begin with https:// (plain http is for this machine's own addresses only)"),
    (MAIN + 'base_url = "ctgo.example"', "sources.main.base_url: must be an address such as https://host/path"),
    (MAIN + 'base_url = "https://h/?a=b"',
     "sources.main.base_url: must end before any ? or #: paths are added to it"),
    (MAIN + f'base_url = "https://u:{CANARY}@h/"', "sources.main.base_url: must not hold a user or a password"),
    (MAIN + 'base_url = "https://ctgo\u00ad.example/api"',
     "sources.main.base_url: names a host that is no name by the rules of the internet, and no address: write it anew"),
    (MAIN + 'base_url = "https://999.1.1.1/api"',
     "sources.main.base_url: names a host that is no name by the rules of the internet, and no address: write it anew"),
    (f'[alerts]\nwebhook_url = "https://h\u00ad.example/{CANARY}"',
     "alerts.webhook_url: names a host that is no name by the rules of the internet, and no address: write it anew"),
    (f'[alerts]\nheartbeat_url = "https://h\u00ad.example/{CANARY}"',
     "alerts.heartbeat_url: names a host that is no name by the rules of the internet, and no address: write it anew"),
    (f'[alerts]\nwebhook_url = "http://h.example/{CANARY}"',
     "alerts.webhook_url: must begin with https:// (plain http is for this machine's own addresses only)"),
    ('[health]\nlisten = "8377"', "health.listen: must be host:port such as 127.0.0.1:8377, or empty"),
    ('[health]\nlisten = "h:70000"', "health.listen: must be host:port such as 127.0.0.1:8377, or empty"),
    ('[health]\nhosts = ["a.example:8377"]', "health.hosts.0: must be a name such as syncd.example.com, without a port"),
    (MAIN + "[sources.main.push]", "sources.main.push.public_url: is missing; it may be set as SYNCD_SOURCES__MAIN__PUSH__PUBLIC_URL too"),
    (MAIN + '[sources.main.push]\npublic_url = "http://h.example"',
     "sources.main.push.public_url: must begin with https:// (plain http is for this machine's own addresses only)"),
    (MAIN + '[sources.main.push]\npublic_url = "https://h/?a=b"',
     "sources.main.push.public_url: must end before any ? or #: paths are added to it"),
    (MAIN + '[sources.main.push]\npublic_url = "https://h"\nlisten = ""',
     "sources.main.push.listen: must be host:port such as 127.0.0.1:8378; without push, leave the table out"),
    (MAIN + '[sources.main.push]\npublic_url = "https://h"\nlisten = "127.0.0.1:8377"',
     "sources.main.push.listen: is where health listens: give push an address of its own"),
    (MAIN + '[sources.main.push]\npublic_url = "https://h"\n[health]\nlisten = "127.0.0.1:8378"',
     "sources.main.push.listen: is where health listens: give push an address of its own"),
    # The ledger
    (f'[state]\nurl = "postgresql://u:{CANARY}@h/d"',
     "state.url: must begin with sqlite: (other databases come later)"),
    ('[state]\nurl = "sqlite://"',
     "state.url: must name a file, as in sqlite:///syncd.db or sqlite:////var/lib/syncd/syncd.db"),
    ('[state]\nurl = "sqlite:///:memory:"',
     "state.url: must name a file, as in sqlite:///syncd.db or sqlite:////var/lib/syncd/syncd.db"),
    # Secrets
    ('[sources.main]\napi_key = ""', "sources.main.api_key: is empty"),
    (f'[sources.main]\napi_key = "{CANARY} x"',
     "sources.main.api_key: holds blanks, line breaks or characters that no key has: copy it again"),
    # Left as the example has it, or as a shell would fill it in
    ('[sources.main]\napi_key = "ctgo_..."', "sources.main.api_key: that is the example: write your own"),
    ('[connectors.x]\ntype = "webhook"\nheaders = { Authorization = "Bearer ..." }',
     "connectors.x.headers.Authorization: that is the example: write your own"),
    ('[sources.main]\napi_key = "${CTGO_KEY}"',
     "sources.main.api_key: variables are not filled in here; name yours SYNCD_SOURCES__MAIN__API_KEY, which wins over the file"),
    ('[connectors.x]\ntype = "hubspot"\naccess_token = "$TOKEN"',
     "connectors.x.access_token: variables are not filled in here; name yours SYNCD_CONNECTORS__X__ACCESS_TOKEN, which wins over the file"),
    # Names, and what holds between tables
    ('[sources.Main]\napi_key = "k"',
     "sources.Main: must begin with a small letter and hold small letters, digits and _ only"),
    (MAIN + '[connectors.main]\ntype = "csv"',
     "connectors.main: is a source's name too: give one of them another, for `syncd pause` takes either"),
    (MAIN + 'connectors = ["shet"]\n[connectors.sheet]\ntype = "csv"',
     "sources.main.connectors: there is no connector shet, did you mean sheet?"),
    (MAIN + 'connectors = ["x"]', "sources.main.connectors: there is no connector x, there are no configured connectors"),
    (MAIN + 'connectors = ["x", "x"]\n[connectors.x]\ntype = "csv"',
     "sources.main.connectors: names x more than once"),
    (TWO, "sources.b.connectors: must name this source's own connectors, as there are two or more sources"),
    (TWICE, f"sources.b.api_key: {ONE_KEY}"),
    (TWICE.replace(f'"{CANARY}"\nconnectors', f'"{CANARY}"\nbase_url = "https://www.catchthegoodones.com/api/v2/"\nconnectors'),
     f"sources.b.api_key: {ONE_KEY}"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "sentence"), SENTENCES)
def test_a_mistake_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    assert mistakes(tmp_path, text) == [f"config.toml: {sentence}"]


VARIABLES = [
    ("SYNCD_SOURCES__MAIN__POL", "1", "sources.main.pol: unknown key, did you mean poll?"),
    ("SYNCD_LOG__LEVEL", CANARY, "log.level: must be 'debug', 'info', 'warning' or 'error'"),
    ("SYNCD_LGO__LEVEL", "info", "unknown setting, did you mean log?"),
    ("SYNCD_SOURCES_MAIN_API_KEY", CANARY, "unknown setting, known keys are: alerts, connectors, console, health, log, sources, state (levels are parted by two underscores)"),
    ("SYNCD_SOURCES__MAIN__STREAM_IDS", "1,2", 'sources.main.stream_ids: must be JSON, as in ["a", "b"] or {"key": "value"}'),
    ("SYNCD_SOURCES", CANARY, 'sources: must be JSON, as in ["a", "b"] or {"key": "value"}'),
    ("SYNCD_SOURCES__MAIN__API_KEY_FILE", "/nowhere/key",
     "sources.main.api_key_file: the file it names cannot be read: no such file or directory"),
]  # fmt: skip


def test_one_key_at_two_addresses_is_two_accounts(tmp_path: Path) -> None:
    there = 'base_url = "http://127.0.0.1:8400/api/v2"\nconnectors'
    file = tmp_path / "config.toml"
    file.write_text(TWICE.replace("connectors", there, 1))
    assert len(load(file, {}, docker_secrets=tmp_path).sources) == 2


@pytest.mark.parametrize(("name", "value", "sentence"), VARIABLES)
def test_a_mistake_in_the_environment_names_the_variable(
    tmp_path: Path, name: str, value: str, sentence: str
) -> None:
    assert mistakes(tmp_path, MAIN, {name: value}) == [f"{name}: {sentence}"]


def test_one_key_set_by_two_variables_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("k")
    environ = {
        "SYNCD_SOURCES__MAIN__API_KEY": "k",
        "SYNCD_SOURCES__MAIN__API_KEY_FILE": str(tmp_path / "key"),
    }
    assert mistakes(tmp_path, "", environ) == [
        "SYNCD_SOURCES__MAIN__API_KEY_FILE: sources.main.api_key: is set by SYNCD_SOURCES__MAIN__API_KEY too; keep one"
    ]


def test_a_mistake_in_a_secret_file_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "sources.main.apikey").write_text("k")
    (tmp_path / "secrets" / "sources.main.api_key").write_bytes(b"\xff")
    assert mistakes(tmp_path, MAIN) == [
        "secrets/sources.main.api_key: sources.main.api_key: cannot be read: it is not UTF-8 text",
        "secrets/sources.main.apikey: sources.main.apikey: unknown key, did you mean api_key?",
    ]


def test_all_mistakes_are_told_at_once_wherever_they_are(tmp_path: Path) -> None:
    text = MAIN + 'pol = 1\nlookback = 3\nconnectors = ["x"]\n[log]\nlevel = 3'
    told = mistakes(tmp_path, text, {"SYNCD_X": "1"})
    assert [mistake.split(":")[0] for mistake in told] == ["SYNCD_X", *["config.toml"] * 4]
    keys = [mistake.split(": ")[1] for mistake in told[1:]]
    assert sorted(keys) == [
        "log.level",
        "sources.main.connectors",
        "sources.main.lookback",
        "sources.main.pol",
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            f"[sources.main]\napi_key = {CANARY}\n",
            'config.toml: line 2: texts stand in quotes: api_key = "…"',
        ),
        ("[sources.main]\npoll = 60s  # often\n", 'config.toml: line 2: texts stand in quotes: poll = "…"'),
        ("# a\u2028b\n[log]\nlevel = info\n", 'config.toml: line 3: texts stand in quotes: level = "…"'),
        ("[log]\nlevel = 'a'\nlevel = 'b'\n", "config.toml: line 3: cannot overwrite a value"),
        ("[sources.main]\nexport = True\n", "config.toml: line 2: small letters are wanted: export = true"),
        (f'[log]\n\nlevel = "{CANARY}\n', "config.toml: line 3: "),
        ("[log]\n[log]", "config.toml: line 2: "),
        ("[log", "config.toml: the last line: "),
        (b"a = '\xff'", "config.toml: is not UTF-8 text"),
    ],
)
def test_what_is_not_toml_is_told_with_its_line(tmp_path: Path, text: str | bytes, sentence: str) -> None:
    (told,) = mistakes(tmp_path, text)
    assert told.startswith(sentence)


def test_a_file_that_cannot_be_read_is_named_with_the_reason(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "none.toml", "no such file or directory"), (tmp_path, "is a directory")):
        with pytest.raises(SettingsError) as caught:
            load(path, {})
        assert str(caught.value) == f"{path}: cannot be read: {reason}"


def test_a_text_of_a_mapping_may_look_like_a_variable_of_a_shell(tmp_path: Path) -> None:
    text = MAIN + '[connectors.x]\ntype = "csv"\n[connectors.x.fields]\nprice = "${PRICE}"\nmore = "..."\n'
    (tmp_path / "config.toml").write_text(text)
    assert load(tmp_path / "config.toml", {}, docker_secrets=tmp_path).connectors["x"].fields


def test_a_mapping_is_looked_at_without_the_key_that_the_example_leaves_out(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[sources.main]\napi_key = "ctgo_..."\n')
    assert load(tmp_path / "config.toml", {}, docker_secrets=tmp_path, keyless=True).sources
