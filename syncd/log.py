"""Logging: structlog to stderr, for people on a terminal and as JSON lines elsewhere.

Secrets are kept out of events where those are written. This module is the second line, and the last one: whatever
reaches it, from our own loggers or from a library's, is redacted and has its control characters escaped before it
is rendered. Three rules, for each has its blind spot: the known secrets wherever they turn up (`redact_values`),
whatever stands under a key that looks secret, and text of a secret's shape.

Times are wall time, for people; nothing reads them back.
"""

import importlib
import json
import logging
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TextIO
from urllib.parse import quote

from syncd.connector import Logger
from syncd.stderr import Outlet

if TYPE_CHECKING:
    from structlog.typing import Processor

REDACTED = "[redacted]"
SHORTEST, SHORTEST_PERSONAL = 4, 3
"""Characters. A shorter secret, or a shorter text about a person, is not looked for: many words hold it."""
PERSONAL = "[personal]"

_QUIET = (
    "alembic", "apscheduler", "hpack", "httpcore", "httpx", "hubspot", "simple_salesforce", "sqlalchemy",
    "waitress", "werkzeug",
)  # fmt: skip
_SILENT = ("urllib3",)
"""Below an error: it warns of odd headers with a traceback, the whole address (a query may name people) and what it read."""
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

_SECRET_KEY = re.compile(r"key|token|secret|authorization|passw|credential|cookie|session_?id", re.IGNORECASE)
_HARMLESS_KEYS = frozenset({"lead_key"})
_PROPERTIES = (
    "bio|email_status|email_unverified|first_campaign|first_seen|follower_count|handle|latest_campaign|match|ref"
    "|segment|source_account|source_type|synced_at|x_url|x_user_id"
)
"""Of CTGO's in a CRM: they look like its keys, and an error about one must be readable."""
_SHAPES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(rf"ctgo_(?!(?:{_PROPERTIES})(?![A-Za-z0-9_-]))[A-Za-z0-9_-]*[A-Za-z0-9]"), REDACTED),
    (re.compile(r"\bpat-[A-Za-z0-9-]{3,}"), REDACTED),
    (re.compile(r"\b00D[A-Za-z0-9]{12,15}![A-Za-z0-9._]+"), REDACTED),  # a Salesforce session
    (re.compile(r"\b(Bearer)\s+[^\s\"',;\[]+", re.IGNORECASE), rf"\1 {REDACTED}"),
    (re.compile(r"\b(Basic)\s+[A-Za-z0-9+/=]{16,}", re.IGNORECASE), rf"\1 {REDACTED}"),
    (re.compile(r"(://)[^/\s:@]*:[^/\s@]+@"), rf"\1{REDACTED}@"),
    (
        re.compile(
            r"((?:api_?key|access_token|refresh_token|client_secret|session_?id|password|token)[\"']?\s*[=:]\s*[\"']?)"
            r"[^\s\"'&,;\[]+",
            re.IGNORECASE,
        ),
        rf"\1{REDACTED}",
    ),
)  # fmt: skip
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
_DEPTH = 8

_known: set[str] = set()
_above: list[Callable[[str], None]] = []
"""Prints a line above the bars of a terminal, while there are any."""
_known_pattern: list[re.Pattern[str]] = []


def redact_values(values: Iterable[str]) -> None:
    """From now on, replace these secrets wherever they turn up, also as they stand in a URL, and line by line."""
    for value in values:
        for form in (value, quote(value, safe=""), *value.splitlines()):
            if len(form) >= SHORTEST:
                _known.add(form)
    pattern = _longest_first(_known)
    _known_pattern[:] = [re.compile(pattern)] if pattern else []


def _longest_first(texts: Iterable[str]) -> str:
    """Return a pattern that finds any of these texts; empty if there is none."""
    return "|".join(map(re.escape, sorted(texts, key=lambda text: (-len(text), text))))


def scrub(text: str) -> str:
    """The text without known secrets and without what has the shape of one."""
    for pattern in _known_pattern:
        text = pattern.sub(REDACTED, text)
    for shape, instead in _SHAPES:
        text = shape.sub(instead, text)
    return text


def escape(text: str, keep: str = "") -> str:
    r"""The text with control characters, and those that change a line's direction, written as `\x1b`.

    `keep`: characters to leave alone.
    """
    return _CONTROL.sub(lambda match: match[0] if match[0] in keep else ascii(match[0])[1:-1], text)


def redact(event: Mapping[str, Any]) -> dict[str, Any]:
    """An event that may be shown: the three rules applied at any depth, and control characters escaped.

    The text of an exception keeps its line breaks.
    """
    return {
        _safe(str(key)): _text(value, "\n\t") if key in {"exception", "stack"} else _under(str(key), value, 0)
        for key, value in event.items()
    }


def _under(key: str, value: Any, depth: int) -> Any:
    secret = _SECRET_KEY.search(key) and key not in _HARMLESS_KEYS
    if secret and value is not None and not isinstance(value, bool):
        return REDACTED
    return _shown(value, depth)


def _shown(value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth >= _DEPTH:
        return "…"
    if isinstance(value, Mapping):
        return {_safe(str(key)): _under(str(key), item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_shown(item, depth + 1) for item in value]
    return _text(value, "")


def _text(value: Any, keep: str) -> str:
    return escape(scrub(repr(value) if isinstance(value, BaseException | bytes) else str(value)), keep)


def _safe(text: str) -> str:
    return escape(scrub(text))


def _redacting(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return redact(event)


def _ordered(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """When, how grave and what come first."""
    first = {key: event[key] for key in ("timestamp", "level", "event", "sentence") if key in event}
    return first | dict(event)


def _as_sentence(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Show only the sentence of an event that has one: its other keys say the same for programs."""
    if "sentence" not in event:
        return event
    return {**{key: event[key] for key in ("timestamp", "level") if key in event}, "event": event["sentence"]}


def _indented(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A traceback's lines never begin where a line of the log begins: its text could forge one."""
    return {
        key: re.sub("^", "  | ", value, flags=re.MULTILINE) if key in {"exception", "stack"} else value
        for key, value in event.items()
    }


def _shortened(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A terminal's line has no room for our own logger's name."""
    return {key: value for key, value in event.items() if (key, value) != ("logger", "syncd")}


class _Handler(logging.StreamHandler[TextIO]):
    """Ours, so that configuring again replaces no other handler. Lines that cannot be written are counted, and reported later."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._outlet, self._lost = Outlet(stream), 0

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record) + "\n"
            if self._lost:
                line = self.format(_lost(self._lost)) + "\n" + line
            if _above:
                _above[-1](line.rstrip("\n"))
                return
        except Exception:  # noqa: BLE001 - a line that cannot be formatted must not end whoever wrote it
            self.handleError(record)
            return
        self._lost = 0 if self._outlet.write(line) else self._lost + 1

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Say that a line was lost, and not what was in it: that is where secrets are."""
        self._outlet.write(f"log_line_lost logger={record.name}\n")


@contextmanager
def lines_through(print_line: Callable[[str], None]) -> Iterator[None]:
    """Give each line of the log to `print_line` for a while, and not to the stream."""
    _above.append(print_line)
    try:
        yield
    finally:
        _above.remove(print_line)


def _lost(lines: int) -> logging.LogRecord:
    """Make a log line that counts the lines which could not be written."""
    record = {"name": "syncd", "levelno": logging.WARNING, "levelname": "WARNING", "msg": "log_lines_lost"}
    return logging.makeLogRecord({**record, "lines": lines})


def _structlog() -> Any:
    """Structlog, and not rich behind it: 4 MiB for tracebacks that print local variables, which ours must not."""
    first = "structlog" not in sys.modules and "rich" not in sys.modules
    if first:
        sys.modules["rich"] = None  # type: ignore[assignment]  # how Python says that there is none
    try:
        return importlib.import_module(
            "structlog"
        )  # a tenth of a second, which `syncd --help` need not wait for
    finally:
        if first:
            del sys.modules["rich"]


def logger() -> Logger:
    """Return the logger of the program and its connectors."""
    made: Logger = _structlog().get_logger("syncd")
    return made


def configure(
    format: Literal["auto", "console", "json"] = "auto",  # noqa: A002 - the setting's name
    level: str = "info",
    stream: TextIO | None = None,
) -> None:
    """Send the log of structlog and of `logging` to one stream; may be called again.

    Args:
        format: `auto` is `console` on a terminal and `json` elsewhere.
        level: `debug`, `info`, `warning` or `error`. Libraries are logged from `warning` on.
        stream: stderr if None.
    """
    structlog = _structlog()

    stream = sys.stderr if stream is None else stream
    terminal = stream.isatty()
    threshold = _LEVELS[level]
    ours = format == "console" or (format == "auto" and terminal)
    short = ours and terminal
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False)
        if short
        else structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        cache_logger_on_first_use=False,  # a reload may change the level
    )
    handler = _Handler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.StackInfoRenderer(),
                structlog.processors.format_exc_info,  # as text, so that it is redacted like all else
                _redacting,
                *([_shortened] if short else []),
                *_renderer(for_people=ours, colors=terminal and "NO_COLOR" not in os.environ, pad=not short),
            ],
        )
    )
    _install(handler, threshold)


def _renderer(*, for_people: bool, colors: bool, pad: bool) -> "list[Processor]":
    structlog = _structlog()

    if not for_people:
        return [_ordered, structlog.processors.JSONRenderer()]
    plain = structlog.dev.plain_traceback  # the pretty one prints local variables
    width = 30 if pad else 0
    people = structlog.dev.ConsoleRenderer(
        colors=colors, exception_formatter=plain, pad_event_to=width, pad_level=pad
    )
    return [_as_sentence, _indented, people]


def _is_wanted(record: logging.LogRecord) -> bool:
    """Filter in the handler and not by a level of theirs: HubSpot's library sets those anew when it is opened."""
    return record.levelno >= logging.ERROR or record.name.partition(".")[0] not in _SILENT


def _install(handler: logging.Handler, threshold: int) -> None:
    root = logging.getLogger()
    for old in [it for it in root.handlers if isinstance(it, _Handler)]:
        root.removeHandler(old)
    handler.addFilter(_is_wanted)
    root.addHandler(handler)
    root.setLevel(threshold)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(threshold, logging.WARNING))


def traceback_without(bug: BaseException, personal: Iterable[object]) -> str:
    """Format a bug's traceback without the people it happened to: an error may quote what it was given, or the answer about it.

    `personal`: payloads, fields, persons; the text in them is left out.
    """
    text = "".join(traceback.format_exception(bug)).rstrip()
    # As it stands, and as Python and JSON quote it
    forms = {
        form for word in _words(list(personal), -1) for form in (word, repr(word)[1:-1], ascii(word)[1:-1])
    }
    pattern = _longest_first(form for form in forms if len(form) >= SHORTEST_PERSONAL)
    return re.sub(rf"(?<!\w)(?:{pattern})(?!\w)", PERSONAL, text, flags=re.IGNORECASE) if pattern else text


def place_in(bug: BaseException, cls: type) -> str:
    """Return the line of a bug as `file.py, line 7`: the last one in the package of `cls`, else the innermost of all."""
    package, place, trace = cls.__module__.partition(".")[0], "", bug.__traceback__
    last = ""
    while trace is not None:
        last = f"{Path(trace.tb_frame.f_code.co_filename).name}, line {trace.tb_lineno}"
        if str(trace.tb_frame.f_globals.get("__name__", "")).partition(".")[0] == package:
            place = last
        trace = trace.tb_next
    return place or last


def place_of(function: object) -> str:
    """Return where a function begins, as `file.py, line 7`; empty if it is not written in Python."""
    code = getattr(function, "__code__", None)
    return f"{Path(code.co_filename).name}, line {code.co_firstlineno}" if code else ""


def opened(text: str | None) -> object:
    """Parse a stored document; text that is no JSON stands for itself."""
    try:
        return json.loads(text or "null")
    except (ValueError, RecursionError):
        return text


def _words(value: object, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping) and depth < _DEPTH:
        for item in value.values():
            yield from _words(item, depth + 1)
    elif isinstance(value, list | tuple) and depth < _DEPTH:
        for item in value:
            yield from _words(item, depth + 1)
