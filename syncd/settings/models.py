"""The settings, with their defaults. `example.toml` explains each key to a newcomer.

The models are frozen, refuse unknown keys, and show no values in their errors. `load` makes them. Built directly, as in
tests, they are the same, but rules between tables are not checked.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PrivateAttr,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic import Field as Setting

from syncd.connector import Field
from syncd.http.addresses import is_loopback
from syncd.settings import console_values, values
from syncd.settings.error_messages import SettingsError, dotted

_SQLITE = "sqlite:///"


class _Table(BaseModel):
    # A model is built when an instance is made: the inner ones are never built alone
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True)


class State(_Table):
    """`[state]`: where the ledger is, for how many seconds it keeps the payload of settled leads, and its backups.

    `backup_folder`: empty: `backups` beside the ledger. `backups_kept`: older ones are deleted.
    """

    url: str = Setting("sqlite:///syncd.db", validate_default=True)
    retention: values.Interval = 90 * 86400.0
    backup: Literal["off", "daily"] = "off"
    backup_folder: str = ""
    backups_kept: int = Setting(7, ge=1)

    @field_validator("url")
    @classmethod
    def _a_file(cls, url: str, info: ValidationInfo) -> str:
        if not url.startswith("sqlite:"):
            raise ValueError("must begin with sqlite: (other databases come later)")
        name = url.removeprefix(_SQLITE)
        if name in {url, "", ":memory:"} or "?" in name or name.startswith("file:"):
            raise ValueError(
                "must name a file, as in sqlite:///syncd.db or sqlite:////var/lib/syncd/syncd.db"
            )
        folder = (info.context or {}).get("folder")
        return f"{_SQLITE}{folder / name}" if folder else url

    @field_validator("backup_folder")
    @classmethod
    def _absolute(cls, name: str, info: ValidationInfo) -> str:
        folder = (info.context or {}).get("folder")
        return str(folder / name) if folder and name else name

    @property
    def path(self) -> Path:
        """The ledger's file; absolute when it comes from `load`."""
        return Path(self.url.removeprefix(_SQLITE))

    @property
    def backups(self) -> Path:
        """The folder of the engine's own backups; absolute when it comes from `load`."""
        return Path(self.backup_folder) if self.backup_folder else self.path.with_name("backups")


class Enrich(_Table):
    """`[sources.NAME.enrich]`: the leads that credits are spent on. `where`: an expression; empty: every lead."""

    outputs: tuple[Literal["email", "linkedin_url"], ...] = Setting(("email", "linkedin_url"), min_length=1)
    email_mode: Literal["verified", "any"] = "verified"
    where: str = "match_confidence == 'high'"
    per_day: int = Setting(50, ge=0)
    keep_credits: int = Setting(10, ge=0)
    when_exhausted: Literal["deliver", "hold"] = "deliver"


class Push(_Table):
    """`[sources.NAME.push]`: CTGO pushes new leads. `public_url`: our address for CTGO; `listen`: the address to bind."""

    public_url: values.BaseUrl
    listen: values.ListenAt = values.Listen("127.0.0.1:8378")

    @field_validator("listen")
    @classmethod
    def _somewhere(cls, listen: values.Listen) -> values.Listen:
        if not listen:
            raise ValueError("must be host:port such as 127.0.0.1:8378; without push, leave the table out")
        return listen


class Source(_Table):
    """`[sources.NAME]`: one CTGO API key and its use. Times are seconds."""

    api_key: values.Key
    base_url: values.BaseUrl = "https://www.catchthegoodones.com/api/v2"
    poll: values.Poll = values.Schedule("60s")
    lookback: values.Duration = 3600.0
    reconcile: values.Interval = 3600.0
    reconcile_window: values.Interval = 30 * 86400.0
    start: values.Start = "new"
    requests_per_minute: int = Setting(60, ge=1)
    stream_ids: tuple[Annotated[int, Setting(ge=1)], ...] = ()
    connectors: tuple[values.Name, ...] = ()
    export: bool = True
    enrich: Enrich | None = None
    push: Push | None = None


class Feedback(_Table):
    """`[connectors.NAME.feedback]`: the judgement that each value of a CRM's property means. `poll`: seconds."""

    property: values.Property
    good: tuple[Annotated[str, Setting(min_length=1)], ...] = ()
    bad: dict[str, values.Reason] = {}
    notes: dict[str, Annotated[str, Setting(min_length=1, max_length=500)]] = {}
    poll: values.Interval = 900.0

    @model_validator(mode="after")
    def _each_value_once(self) -> "Feedback":
        if not (self.good or self.bad):
            raise ValueError("says of no value that it is good or bad: fill in one of the two")
        values = [value.strip().casefold() for value in (*self.good, *self.bad)]
        twice = [value for value in (*self.bad, *self.good) if values.count(value.strip().casefold()) > 1]
        if twice:
            raise ValueError(f"names {dotted(twice[:1])} more than once in good and bad")
        alone = [value for value in self.notes if value not in self.bad]
        if alone:
            raise ValueError(f"has a note for {dotted(alone[:1])}, which is not in bad")
        return self


def _as_field(value: object) -> object:
    if isinstance(value, str):
        return {"value": value}
    if not isinstance(value, Mapping | Field):
        raise ValueError("must be a text in quotes, or a table")  # noqa: TRY004 - pydantic translates it
    return value


class ConnectorSettings(BaseModel):
    """`[connectors.NAME]`: the core's keys of a connector; every other key is the plugin's, in `options`.

    `ack` and `gate` None: the connector's kind decides; `gate` 0: none. `fields` None: the default mapping;
    `keep_default_fields`: `fields` is added to it. `feedback` None: no feedback is asked for.
    """

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True, defer_build=True)

    type: str = Setting(min_length=1)
    ack: Literal["required", "best_effort"] | None = None
    where: str = ""
    gate: int | None = Setting(None, ge=0)
    attempts: int = Setting(8, ge=1)
    max_age: values.Interval = 7 * 86400.0
    fields: dict[str, Annotated[Field, BeforeValidator(_as_field)]] | None = None
    keep_default_fields: bool = False
    feedback: Feedback | None = None

    @property
    def options(self) -> dict[str, Any]:
        """The plugin's own keys, as written: not validated, and secrets among them."""
        return dict(self.model_extra or {})

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        """Leave out the options: some of them may be secrets."""
        return [(key, value) for key, value in super().__repr_args__() if key in type(self).model_fields]


class Health(_Table):
    """`[health]`: the address of /healthz, /readyz and /metrics; empty: none. `hosts`: further names that requests may use."""

    listen: values.ListenAt = values.Listen("127.0.0.1:8377")
    hosts: tuple[values.HostName, ...] = ()


class Alerts(_Table):
    """`[alerts]`: the receivers of alerts; an empty one is off."""

    webhook_url: values.Hook = SecretStr("")
    heartbeat_url: values.Hook = SecretStr("")
    digest: values.DigestAt = values.Digest("")


class ConsoleProxy(_Table):
    """`[console.proxy]`: a proxy in front that tells who somebody is. `operators`: their names; all others are viewers."""

    user_header: console_values.Header = "Remote-User"
    operators: tuple[Annotated[str, Setting(min_length=1)], ...] = ()
    secret: values.Key | None = None


class Console(_Table):
    """`[console]`: the console for browsers. `public_url`: the one other name that it answers to; `session`: seconds.

    `calls`, `calls_days`, `calls_size`: which calls to CRMs the engine keeps for it, for how many days, within how many bytes.
    """

    listen: console_values.ConsoleListenAt = console_values.ConsoleListen("127.0.0.1:8379")
    public_url: console_values.Origin = ""
    session: values.Interval = 12 * 3600.0
    time_zone: console_values.Zone = "UTC"
    calls: Literal["all", "refused", "none"] = "all"
    calls_days: int = Setting(14, ge=1)
    calls_size: console_values.Size = 64 << 20
    proxy: ConsoleProxy | None = None

    @model_validator(mode="after")
    def _reached_safely(self) -> "Console":
        public = self.public_url.startswith("https://")
        if self.listen.socket and not self.public_url:
            raise ValueError(
                "listens on a socket, so it needs public_url: the address of the proxy in front of it"
            )
        if not self.listen.socket and not is_loopback(self.listen.host) and not public:
            raise ValueError(
                "listens where other machines reach it, so public_url must be an https:// address"
            )
        if self.proxy and not self.listen.socket and self.proxy.secret is None:
            raise ValueError(
                "has a proxy without a secret, which is for a Unix socket only: add proxy.secret"
            )
        return self


class Log(_Table):
    """`[log]`: the format and the level of the log on stderr."""

    format: Literal["auto", "console", "json"] = "auto"
    level: Literal["debug", "info", "warning", "error"] = "info"


@dataclass(frozen=True, slots=True)
class Provenance:
    """The origin of settings, for messages and for relative paths.

    Attributes:
        name: the configuration file, or "environment" without one.
        folder: the folder that relative paths start at.
        origins: the variable or the secret file of each value from elsewhere than the file, by its path.
        file_variables: the value of each `…_FILE` variable, by the path that it sets.
        secret_files: every file that a secret was read from, without the configuration.
    """

    name: str = "settings"
    folder: Path = field(default_factory=Path)
    origins: Mapping[tuple[str, ...], str] = field(default_factory=dict)
    file_variables: Mapping[tuple[str, ...], str] = field(default_factory=dict)
    secret_files: tuple[str, ...] = ()

    def of(self, path: tuple[str, ...]) -> str:
        """Name the variable or file that set the value at `path`."""
        ends = range(len(path), 0, -1)
        return next((self.origins[path[:end]] for end in ends if path[:end] in self.origins), self.name)


class Settings(_Table):
    """Everything that is configured."""

    state: State = State()
    sources: dict[values.Name, Source] = {}
    connectors: dict[values.Name, ConnectorSettings] = {}
    health: Health = Health()
    alerts: Alerts = Alerts()
    console: Console | None = None
    log: Log = Log()
    _provenance: Provenance = PrivateAttr(default_factory=Provenance)

    @property
    def provenance(self) -> Provenance:
        """The origin of these settings."""
        return self._provenance

    @property
    def gives_feedback(self) -> bool:
        """True if any connector gives feedback."""
        return any(it.feedback for it in self.connectors.values())

    @property
    def addresses(self) -> dict[str, str]:
        """Return each source's address by its name, spelled so that equal addresses compare as equal."""
        return {name: source.base_url.lower() for name, source in self.sources.items()}

    @property
    def routes(self) -> dict[str, tuple[str, ...]]:
        """Return the connectors of each source's leads, by its name."""
        return {name: self.connectors_of(name) for name in self.sources}

    @property
    def exporting(self) -> dict[str, bool]:
        """Return, by each source's name: True if it exports."""
        return {name: source.export for name, source in self.sources.items()}

    def connectors_of(self, source: str) -> tuple[str, ...]:
        """Return the names of the connectors of a source's leads."""
        return self.sources[source].connectors or tuple(self.connectors)

    def require_sources(self, *, to_deliver: bool = True) -> None:
        """Raise SettingsError unless there is a source and, if `to_deliver`, a connector.

        This is no rule of `load`: `explain`, `map` and others work without.
        """
        missing = []
        if not self.sources:
            missing.append("sources: there is none; add a table [sources.main] with an api_key")
        if to_deliver and not self.connectors:
            missing.append("connectors: there is none; add a table such as [connectors.sheet] with a type")
        if missing:
            raise SettingsError(*(f"{self.provenance.name}: {sentence}" for sentence in missing))


def secret_values(value: object) -> set[str]:
    """Collect every non-empty secret in a model, for the redaction of the log."""
    if isinstance(value, SecretStr):
        return {value.get_secret_value()} - {""}
    if isinstance(value, BaseModel):
        value = dict(value)
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return {secret for item in value for secret in secret_values(item)}
    return set()
