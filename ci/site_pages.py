"""Pages of the documentation site that are not files of `docs/`; a hook of MkDocs (mkdocs.yml).

The README and its neighbors become pages with their links rewritten, each decision gets a line in the menu,
and each package gets a page that mkdocstrings fills from its docstrings.
"""

import pathlib
import posixpath
import re
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = pathlib.Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "tfx_contrastive"
# File of the repository -> page of the site.
PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "deploy/kubeflow/README.md": "manifests.md",
}
_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)#\s]+)(#[^)]*)?\)")
_IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")


def on_config(config: Any) -> Any:
    """Add the decisions and the API to the menu."""
    decisions = sorted(path.name for path in (ROOT / "docs/decisions").glob("0*.md"))
    menu = [{_title(ROOT / "docs/decisions" / name): f"decisions/{name}"} for name in decisions]
    config.nav.append({"Decisions": menu})
    config.nav.append({"API": [{package: f"api/{package}.md"} for package in _packages()]})
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are made here."""
    for source, page in PAGES.items():
        text = _with_links_of_the_site((ROOT / source).read_text(encoding="utf-8"), source, page)
        files.append(File.generated(config, page, content=text))
    for package in _packages():
        text = f"# {package}\n\n::: {package}\n"
        files.append(File.generated(config, f"api/{package}.md", content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Rewrite the links of pages in `docs/` that lead out of it."""
    uri = page.file.src_uri
    generated = uri in PAGES.values() or uri.startswith("api/")
    return markdown if generated else _with_links_of_the_site(markdown, f"docs/{uri}", uri)


def _with_links_of_the_site(text: str, source: str, page: str) -> str:
    """Return a Markdown text whose links fit its place on the site.

    Args:
        text: The text of the file `source`.
        source: Path of the file in the repository; its links are relative to its folder.
        page: Path of its page on the site.

    Raises:
        FileNotFoundError: If a link leads to a file that the repository does not have.
    """

    def place(target: str) -> str | None:
        """Return the target relative to the page; None for a file that is not on the site."""
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        if not (ROOT / path).exists():
            raise FileNotFoundError(f"{source} links to {target}, which does not exist.")
        on_site = PAGES.get(path) or (path.removeprefix("docs/") if path.startswith("docs/") else None)
        return on_site and posixpath.relpath(on_site, posixpath.dirname(page) or ".")

    def link(match: re.Match[str]) -> str:
        words, target, anchor = match.group(1), match.group(2), match.group(3) or ""
        if "://" in target or target.startswith("mailto:"):
            return match.group(0)
        placed = place(target)
        return f"[{words}]({placed}{anchor})" if placed else f"{words} (`{target}` in the repository)"

    def image(match: re.Match[str]) -> str:
        return f"![{match.group(1)}]({place(match.group(2))})"

    return _IMAGE.sub(image, _LINK.sub(link, text))


def _packages() -> list[str]:
    """Return the dotted names of the packages that get a page: the rooms and the folders in them."""
    rooms = [path for path in sorted(PACKAGE.iterdir()) if (path / "__init__.py").exists()]
    names = []
    for room in rooms:
        inner = [path.name for path in sorted(room.iterdir()) if (path / "__init__.py").exists()]
        names += [f"{PACKAGE.name}.{room.name}.{name}" for name in inner]
        if not inner:
            names.append(f"{PACKAGE.name}.{room.name}")
    return names


def _title(path: pathlib.Path) -> str:
    return path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
