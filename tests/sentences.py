"""Holds prose in the code to the rule that a machine can hold: `python -m tests.sentences`.

A docstring says what a thing does or is. It does not open with a question word, and no sentence in it is endless.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
OPENING = re.compile(r"(What|Whether|Who|Whom|Whose|How|Where|Why|Which)\b")
WORDS = 30
"""The most words in one sentence. The aim is 25; beyond this bound nobody reads a sentence once."""


def complaints(path: Path) -> Iterator[str]:
    """Yield `path:line: reason` for each docstring of a module that breaks the rule."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            continue
        text = node.value.value
        if not isinstance(text, str):
            continue
        where = f"{path.relative_to(ROOT)}:{node.lineno}"
        if OPENING.match(text):
            yield f"{where}: a docstring opens with {text.split()[0]}"
        for sentence in re.split(r"(?<=[.!?:;])\s|\n\s*\n|\n\s*[*-] ", text):
            if len(sentence.split()) > WORDS:
                yield f"{where}: a sentence of {len(sentence.split())} words: {' '.join(sentence.split()[:8])} …"


def main() -> int:
    """Print the complaints about the program; return how the process exits."""
    found = [
        line
        for folder in ("syncd", "connectors")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line in complaints(path)
    ]
    sys.stdout.write("".join(f"{line}\n" for line in found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
