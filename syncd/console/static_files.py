"""The stylesheet, the script and the icon: read and compressed once, and named by their content."""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files

FOREVER = "public, max-age=31536000, immutable"
_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file that never changes under its name."""

    name: str
    type: str
    body: bytes
    compressed: bytes


def static_files() -> Mapping[str, StaticFile]:
    """Return the files by their names in the package."""
    found = {}
    for it in files("syncd.console").joinpath("static").iterdir():
        stem, _, end = it.name.rpartition(".")
        if end in _TYPES:
            body = it.read_bytes()
            name = f"{stem}.{sha256(body).hexdigest()[:12]}.{end}"
            found[it.name] = StaticFile(name, _TYPES[end], body, gzip.compress(body, 9, mtime=0))
    return found
