"""Reads a Dockerfile as far as ours go: stages of instructions, lines joined, comments gone."""

import re
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Stage:
    """One FROM and what follows it, in order, as (instruction, rest)."""

    base: str
    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def all(self, instruction: str) -> list[str]:
        return [rest for word, rest in self.steps if word == instruction]

    def last(self, instruction: str) -> str:
        return self.all(instruction)[-1]


def stages(path: Path) -> list[Stage]:
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
    found: list[Stage] = []
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        word, _, rest = " ".join(line.split()).partition(" ")
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            found.append(Stage(base, name))
        elif word and found:
            found[-1].steps.append((word, rest))
    return found


def pins(path: Path) -> dict[str, tuple[str, frozenset[str]]]:
    """What a lock pins: a version and hashes by the package's name."""
    found = {}
    for block in re.split(r"\n(?=[a-z0-9])", path.read_text()):
        if match := re.match(r"([a-z0-9._-]+)==(\S+)", block):
            found[match[1]] = (match[2], frozenset(re.findall(r"sha256:[0-9a-f]{64}", block)))
    return found
