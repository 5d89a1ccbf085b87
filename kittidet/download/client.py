"""The HTTP client of every download: which hosts it speaks to, and which password it sends to which of them.

Passwords come from a netrc file, as with curl and wget: ``~/.netrc``, or the one that the environment variable
``NETRC`` names. Each is sent to its own machine alone, not to where that one redirects.
"""

import logging
import netrc
import os
from pathlib import Path

import httpx

from kittidet.errors import ConfigError
from kittidet.limits import check_host

log = logging.getLogger(__name__)


def open_client(*, timeout_s: float) -> httpx.Client:
    """Return a client that follows redirects and knows the user's passwords.

    Raises:
        ConfigError: if the file that ``NETRC`` names cannot be read; and by a request, if its host is not allowed on
            this machine (`limits`).
    """
    hooks = {"request": [_check_request]}  # of a redirect as well
    return httpx.Client(follow_redirects=True, timeout=timeout_s, auth=_passwords(), event_hooks=hooks)


def _check_request(request: httpx.Request) -> None:
    check_host(str(request.url), what="download")


def _passwords() -> httpx.Auth | None:
    named = os.environ.get("NETRC")
    path = Path(named) if named else Path.home() / ".netrc"
    if not named and not path.is_file():
        return None
    try:
        # Without a path Python also looks whether others can read it.
        netrc.netrc(named or None)
        return httpx.NetRCAuth(str(path))
    except (OSError, netrc.NetrcParseError, UnicodeDecodeError) as error:
        # Not the text of a parser's error: it may be the password.
        where = f"line {error.lineno}" if isinstance(error, netrc.NetrcParseError) else type(error).__name__
        said = f"{path}: no netrc file that can be used ({where})"
        if named:
            raise ConfigError(f"{said}. Correct it, or unset NETRC.") from None
        log.warning("download.netrc %s; no password is sent. Make it readable by you alone, line by line valid", said)
        return None
