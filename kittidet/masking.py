"""What is kept out of messages and logs: passwords in addresses, and tokens among their parameters."""

import re

# Between `//` and the last `@` before the path.
USER_INFO = re.compile(r"(?<=://)[^/\s?#]*@")
_TOKEN = re.compile(
    r"([?&][^=&\s#]*(?:token|secret|passw|pwd|key|sig|auth|credential)[^=&\s#]*=)[^&\s#'\"]+", re.IGNORECASE
)


def masked(text: str) -> str:
    """Return a text with ``***`` for user and password in its addresses, and for parameters that name a secret."""
    return _TOKEN.sub(r"\1***", USER_INFO.sub("***@", text))
