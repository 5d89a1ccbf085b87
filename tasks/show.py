"""What a person sees of a run in Prefect's pages: tables, pictures, progress and links.

Outside a run (a task's function called by a test or a script) nothing is sent anywhere.
"""

import base64
import io
import logging
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import httpx
from PIL import Image
from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.context import FlowRunContext, TaskRunContext
from prefect.exceptions import PrefectException

log = logging.getLogger(__name__)

# A page of several megabytes would make the server's database and the browser slow.
MAX_PICTURE_WIDTH = 1600
JPEG_QUALITY = 82


def is_in_run() -> bool:
    """Whether a Prefect flow or task run is what calls."""
    return TaskRunContext.get() is not None or FlowRunContext.get() is not None


def show_table(key: str, rows: Sequence[Mapping[str, Any]], description: str) -> None:
    """Show rows of equal keys as a table."""
    if is_in_run():
        create_table_artifact(table=[dict(row) for row in rows], key=key, description=description)


def show_facts(key: str, facts: Mapping[str, Any], description: str) -> None:
    """Show name and value pairs as a table of two columns."""
    show_table(key, [{"what": name, "value": _text(value)} for name, value in facts.items()], description)


def show_text(key: str, markdown: str, description: str) -> None:
    """Show a page of markdown."""
    if is_in_run():
        create_markdown_artifact(markdown=markdown, key=key, description=description)


def show_link(key: str, link: str, text: str, description: str) -> None:
    """Show an address."""
    if is_in_run():
        create_link_artifact(link=link, link_text=text, key=key, description=description)


def picture_markdown(picture: Image.Image, caption: str) -> str:
    """Return markdown that carries a picture inside itself, so that it shows without any file server."""
    image = picture.convert("RGB")
    if image.width > MAX_PICTURE_WIDTH:
        image = image.resize((MAX_PICTURE_WIDTH, round(image.height * MAX_PICTURE_WIDTH / image.width)))
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=JPEG_QUALITY)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f"![{caption}](data:image/jpeg;base64,{data})"


class Progress:
    """A progress bar in Prefect's pages.

    Args:
        key: the artifact's key.
        description: what goes forward.
    """

    def __init__(self, key: str, description: str) -> None:
        self._id: UUID | None = None
        if is_in_run():
            created: Any = create_progress_artifact(progress=0.0, key=key, description=description)
            self._id = created

    def update(self, share: float, description: str) -> None:
        """Show how far it is, 0..1, and a line about it."""
        if self._id is None:
            return
        try:
            update_progress_artifact(self._id, progress=100.0 * min(1.0, max(0.0, share)), description=description)
        except (httpx.HTTPError, PrefectException) as error:
            # Hours of training must not end because the server was away for the length of one update.
            log.warning("progress.not_shown error=%r", error)


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_text(item)}" for name, item in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(_text(item) for item in value) or "none"
    if value is None:
        return "not known"
    return f"{value:.4f}" if isinstance(value, float) else str(value)
