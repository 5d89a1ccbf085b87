"""Transfers one file from a server into its partial file, over as many attempts as it takes.

After a break it resumes with a Range request that applies only to the same version (``If-Range``); a file that changed
in between is started over. Attempts are counted since the last progress, so that a long download over a poor line
keeps going, and a dead one gives up.

Source:
    RFC 9110, sections 13.1.5 (If-Range), 14 (range requests).
"""

import logging
import os
import socket
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import tenacity

from kittidet.config import BackoffConfig
from kittidet.download.client import open_client
from kittidet.download.disk import check_space, writing
from kittidet.download.partial import Partial, Remote, describe_response
from kittidet.errors import ArchiveError, ServerError
from kittidet.files import digest_file
from kittidet.masking import masked
from kittidet.progress import FileProgress, in_words

log = logging.getLogger(__name__)

# Responses that may be temporary: time-out, too early, too many requests; and every 5xx.
_PASSING = frozenset({408, 425, 429})


class _TryAgainError(Exception):
    """This attempt failed, but the next one may succeed."""


@dataclass
class Transfer:
    """A download in progress.

    Attributes:
        url: where the file is.
        dest: its final name, in a folder that exists; the partial file is ``NAME.part`` beside it.
        progress: called with (name, bytes done, total bytes or None).
        backoff: attempts, waits and time-outs.
        reserve_share: extra free space to require, as a share of the file's size.
        resumed: whether the last run joined bytes from several responses.
    """

    url: str
    dest: Path
    progress: FileProgress | None
    backoff: BackoffConfig
    reserve_share: float
    resumed: bool = field(default=False, init=False)
    _stalled: int = field(default=0, init=False)
    _restarts: int = field(default=0, init=False)
    _answered: bool = field(default=False, init=False)

    @property
    def partial(self) -> Partial:
        """The partial file."""
        return Partial(self.dest.with_name(self.dest.name + ".part"))

    def run(self) -> str:
        """Return the sha256 of the partial file once it is complete.

        Raises:
            DiskSpaceError: if the disk has too little room.
            ArchiveError: if the server refuses or never answers.
        """
        self.resumed, self._stalled, self._restarts = False, 0, 0
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_may_pass),
            # Restarts are counted separately: a server without Range makes progress forever and never finishes.
            stop=lambda state: max(self._stalled, self._restarts) >= self._most_attempts(state),
            wait=lambda _: min(self.backoff.longest_s, self.backoff.first_s * 2 ** max(0, self._stalled - 1)),
            before_sleep=self._log_retry,
            reraise=True,
        )
        try:
            with open_client(timeout_s=self.backoff.timeout_s) as client:
                return retrying(self._attempt, client)
        except (_TryAgainError, httpx.HTTPError, httpx.InvalidURL) as error:
            passing = isinstance(error, (_TryAgainError, httpx.TransportError))
            raise (ServerError if passing else ArchiveError)(
                f"{self.url}: gave up after {max(1, self._stalled)} attempt(s) without a new byte and {self._restarts} "
                f"restart(s) from zero: "
                f"{error or type(error).__name__}. {self.partial.size():,} bytes are kept in {self.partial.path}; "
                "check the network and start again to resume from there."
            ) from error

    def _most_attempts(self, state: tenacity.RetryCallState) -> int:
        error = state.outcome.exception() if state.outcome is not None else None
        # Without a network, or with a misspelt host, waiting does not help; a network that broke off comes back.
        hopeless = not self._answered and _is_unknown_host(error)
        return min(2, self.backoff.attempts) if hopeless else self.backoff.attempts

    def _attempt(self, client: httpx.Client) -> str:
        before = self.partial.size()
        try:
            return self._stream(client)
        except (_TryAgainError, httpx.TransportError):
            self._stalled = 1 if self.partial.size() > before else self._stalled + 1
            raise

    def _stream(self, client: httpx.Client) -> str:
        headers = {"Accept-Encoding": "identity"}
        known = self.partial.read()
        offset = self.partial.size() if known is not None and known.url == self.url else 0
        if known is not None and known.validator is not None and offset:
            if offset == known.total:
                return self._finish(known)
            headers |= {"Range": f"bytes={offset}-", "If-Range": known.validator}
        with client.stream("GET", self.url, headers=headers) as response:
            self._check_answer(response)
            remote = describe_response(self.url, response)
            if response.status_code == httpx.codes.PARTIAL_CONTENT:
                starts_at = response.headers.get("content-range", "").removeprefix("bytes ").partition("-")[0]
                if known is None or not known.is_same(remote) or starts_at != str(offset):
                    self._restart()
                    raise _TryAgainError("the file on the server changed midway; starting again")
                self.resumed = True
            else:
                # No Range was requested, the server does not support it, or the file changed: from the start.
                offset = 0
                with writing(self.partial.path):
                    if self.partial.size():
                        self._restart()
                    self.partial.start(remote)
            self._receive(response, offset, remote)
        return self._finish(remote)

    def _check_answer(self, response: httpx.Response) -> None:
        self._answered = True
        status = response.status_code
        if status == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            self._restart()
            raise _TryAgainError("the file on the server is shorter than what has arrived; starting again")
        if status in _PASSING or status >= 500:
            raise _TryAgainError(f"the server answered {status} {response.reason_phrase}")
        if status in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
            raise ArchiveError(
                f"{self.url}: the server answered {status} {response.reason_phrase}. Check `source.base_url`. Where a "
                f"password is asked for, write `machine {response.url.host} login USER password PASSWORD` to ~/.netrc."
            )
        if status not in {httpx.codes.OK, httpx.codes.PARTIAL_CONTENT}:
            raise ArchiveError(
                f"{self.url}: expected the file, the server answered {status} {response.reason_phrase}. "
                "Check `source.base_url` and the archive's name."
            )
        if self.url.startswith("https://") and response.url.scheme != "https":
            raise ArchiveError(
                f"{self.url}: redirected to {masked(str(response.url))}, which is not HTTPS. "
                "Give the final address in `source.base_url`."
            )
        if response.headers.get("content-encoding", "identity") != "identity":
            raise ArchiveError(
                f"{self.url}: expected the file's own bytes, got them encoded as "
                f"{response.headers['content-encoding']}. Use a server that does not re-encode archives."
            )

    def _receive(self, response: httpx.Response, offset: int, remote: Remote) -> None:
        if remote.total is not None:
            needed = remote.total - offset + int(remote.total * self.reserve_share)
            check_space(self.dest.parent, needed, purpose=f"{self.dest.name} and its contents")
        done = offset
        with writing(self.partial.path), self.partial.path.open("ab") as stream:
            for chunk in response.iter_raw():
                stream.write(chunk)
                done += len(chunk)
                if self.progress is not None:
                    self.progress(self.dest.name, done, remote.total)
            stream.flush()
            os.fsync(stream.fileno())

    def _finish(self, remote: Remote) -> str:
        size = self.partial.size()
        if remote.total is not None and size != remote.total:
            if size > remote.total:
                self._restart()
            raise _TryAgainError(f"expected {remote.total:,} bytes, got {size:,}")
        return digest_file(self.partial.path)

    def _restart(self) -> None:
        log.warning("download.restart url=%s dropped_bytes=%d", self.url, self.partial.size())
        self.partial.drop()
        self._restarts += 1

    def _log_retry(self, state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome is not None else None
        wait_s = state.next_action.sleep if state.next_action is not None else 0.0
        log.warning(
            "download.retry url=%s bytes=%d wait_s=%.1f reason=%s",
            *(self.url, self.partial.size(), wait_s, error),
            extra=in_words(f"{self.dest.name} did not arrive ({error}); trying again in {wait_s:.0f} s"),
        )


def _may_pass(error: BaseException) -> bool:
    """Return whether a later attempt may succeed where this one failed."""
    mistakes = (httpx.UnsupportedProtocol, httpx.LocalProtocolError)
    return isinstance(error, (_TryAgainError, httpx.TransportError)) and not isinstance(error, mistakes)


def _is_unknown_host(error: BaseException | None) -> bool:
    """Return whether the host's name did not resolve."""
    while error is not None and not isinstance(error, socket.gaierror):
        error = error.__cause__ or error.__context__
    return error is not None
