"""The commands that the documentation shows."""

import pathlib
import re
import shlex
from typing import NamedTuple

ROOT = pathlib.Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "deploy").glob("*/*.md"))]
_OURS = re.compile(r"(\.venv/bin/)?tfx-contrastive ")
_VARIABLE = re.compile(r"[A-Z_]+=")
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Documented(NamedTuple):
    """One command: where it stands, and its words."""

    page: str
    words: tuple[str, ...]

    @property
    def program(self) -> str:
        """Its name, without the folder of the environment."""
        return self.words[0].removeprefix(".venv/bin/")

    def __str__(self) -> str:
        return f"{self.page}: {' '.join(self.words)}"


def blocks(page: pathlib.Path, language: str) -> list[str]:
    """The fenced blocks of one language on a page."""
    return [text for name, text in _FENCE.findall(page.read_text(encoding="utf-8")) if name == language]


def documented_commands() -> list[Documented]:
    """Every command of every `sh` block, and of blocks without a language those of ours."""
    found = []
    for page in PAGES:
        plain = [line for text in blocks(page, "") for line in text.splitlines() if _OURS.match(line)]
        for text in (*blocks(page, "sh"), "\n".join(plain)):
            for line in text.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                while words and _VARIABLE.match(words[0]):  # NAME=value before the command
                    words.pop(0)
                if words:
                    found.append(Documented(str(page.relative_to(ROOT)), tuple(words)))
    return found
