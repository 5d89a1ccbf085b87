"""Where log lines go: sentences and warnings to the terminal, every line and TensorFlow's own output to a file."""

import logging
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import IO, ParamSpec

import typer

from kittidet.errors import KittidetError, StoreError
from kittidet.masking import masked

P = ParamSpec("P")

# Everything of this project; of other packages only what they warn of.
_OURS = "kittidet"
# Begins the note by which an exception carries the file that holds its traceback.
_KEPT_IN = "its traceback is in "


class TerminalHandler(logging.Handler):
    """Prints the sentence of a line that has one (``progress.in_words``), and warnings; leaves out all other lines."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one line to what is the error stream now, above any progress bar."""
        from rich.console import Console
        from rich.text import Text

        sentence = getattr(record, "in_words", None)
        warned = record.levelno >= logging.WARNING
        if sentence is None and not warned:
            return
        when = datetime.fromtimestamp(record.created).astimezone()
        line = Text.assemble((f"{when:%H:%M:%S} ", "dim"), ("warning: " if warned else "", "yellow"))
        line.append(masked(sentence or record.getMessage()))
        Console(stderr=True).print(line, soft_wrap=True, highlight=False)


class _Formatter(logging.Formatter):
    """Leaves passwords and tokens out of messages and tracebacks, whoever wrote them."""

    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record))


def log_to_terminal() -> None:
    """Show sentences and warnings on the terminal; called when the program starts."""
    root = logging.getLogger()
    if not any(isinstance(handler, TerminalHandler) for handler in root.handlers):
        root.addHandler(TerminalHandler())
    logging.getLogger(_OURS).setLevel(logging.INFO)


@contextmanager
def log_to_file(store_dir: Path, verb: str) -> Iterator[Path]:
    """Also write every line to ``<store_dir>/logs/<date>-<verb>.log``, whose path is yielded.

    What TensorFlow's C++ parts and child processes write to the error stream goes there alone.

    Raises:
        StoreError: if the file cannot be written.
    """
    path = store_dir / "logs" / f"{datetime.now().astimezone():%Y%m%d-%H%M%S}-{verb}.log"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a", encoding="utf-8", buffering=1)
    except OSError as error:
        raise StoreError(
            f"{path}: cannot write the log: {error.strerror or error}. Choose a writable folder with `store_dir`."
        ) from error
    handler = logging.StreamHandler(file)
    handler.setFormatter(_Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    with ExitStack() as stack:
        stack.enter_context(file)
        logging.getLogger().addHandler(handler)
        stack.callback(logging.getLogger().removeHandler, handler)
        stack.enter_context(_native_output_to(file))
        try:
            yield path
        except Exception as error:
            logging.getLogger(_OURS).info("run.failed verb=%s", verb, exc_info=True)
            error.add_note(f"{_KEPT_IN}{path}")
            raise


def keep_traceback(error: BaseException) -> Path | None:
    """Return the file that holds the traceback of an exception: its verb's log, else a new temporary file.

    None if no file can be written.
    """
    for note in getattr(error, "__notes__", []):
        if note.startswith(_KEPT_IN):
            return Path(note.removeprefix(_KEPT_IN))
    try:
        number, name = tempfile.mkstemp(prefix="kittidet-", suffix=".log")
        with os.fdopen(number, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(masked("".join(traceback.format_exception(error))))
    except OSError:
        return None
    return Path(name)


def without_native_output(verb: Callable[P, None]) -> Callable[P, None]:
    """Return a verb that shows what TensorFlow's C++ parts write to the error stream only if it fails by a defect."""

    @wraps(verb)
    def quiet(*args: P.args, **kwargs: P.kwargs) -> None:
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as file:
            try:
                with _native_output_to(file):
                    verb(*args, **kwargs)
            except (KittidetError, typer.Exit):
                raise
            except Exception:
                file.seek(0)
                sys.stderr.write(file.read())
                raise

    return quiet


@contextmanager
def _native_output_to(file: IO[str]) -> Iterator[None]:
    """Lead file descriptor 2 into a file, while Python's own error stream keeps leading to where it was."""
    if not _is_descriptor_2(sys.stderr):
        yield
        return
    before = sys.stderr
    before.flush()
    terminal = os.dup(2)
    try:
        with os.fdopen(terminal, "w", buffering=1, encoding=before.encoding, closefd=False) as stream:
            os.dup2(file.fileno(), 2)
            sys.stderr = stream
            yield
    finally:
        sys.stderr = before
        os.dup2(terminal, 2)
        os.close(terminal)


def _is_descriptor_2(stream: IO[str]) -> bool:
    try:
        return stream.fileno() == 2
    except OSError:  # io.UnsupportedOperation of a stream in memory is one
        return False
