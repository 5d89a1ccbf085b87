"""What mkdocs does not do by itself: pages from outside `docs/`, and the table of every configuration key.

README, CHANGELOG, CONTRIBUTING and the benchmark results are pages too; their links are rewritten from the repository's
layout to the site's, so that their text stays in one place.
"""

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from kittidet.config_keys import config_keys

ROOT = Path(__file__).parents[1]
# Repository path -> page of the site.
PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "benchmarks/RESULTS.md": "results.md",
}
# Linked to, but no page; the site shows the name alone.
NOT_PAGES = {"LICENSE"}
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")


KEYS_MARK = "<!-- every key -->"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages; mkdocs calls this with what it found in `docs/`."""
    for source, page in PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=rewrite_links(text, source)))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put the table of keys where a page asks for it; mkdocs calls this with each page's text."""
    return markdown.replace(KEYS_MARK, "\n".join(key_table())) if KEYS_MARK in markdown else markdown


def key_table() -> Iterator[str]:
    """Yield the lines of a Markdown table with every dotted key, its type, default and meaning."""
    yield "| key | type | default | |"
    yield "|---|---|---|---|"
    for key in config_keys():
        default = f"`{key.default}`" if key.default else ""
        meaning = key.meaning.replace("|", "\\|")
        yield f"| `{key.name}` | {key.type} | {default} | {meaning} |"


def rewrite_links(text: str, source: str) -> str:
    """Return a page's text with its relative links as they are seen from the root of the site.

    Args:
        text: Markdown.
        source: where the page is in the repository.
    """

    def rewrite(match: re.Match[str]) -> str:
        mark, label, target = match.groups()
        if "://" in target or target.startswith("#"):
            return match.group()
        path, _, anchor = target.partition("#")
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        if path in NOT_PAGES:
            return label
        # A folder is named by what it holds; the navigation lists it.
        if (ROOT / path).is_dir():
            path = f"{path}/{min(p.name for p in (ROOT / path).glob('*.md'))}"
        path = PAGES.get(path, path.removeprefix("docs/"))
        return f"{mark}[{label}]({path}{'#' * bool(anchor)}{anchor})"

    return LINK.sub(rewrite, text)
