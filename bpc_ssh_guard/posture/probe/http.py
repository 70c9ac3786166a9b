"""One GET of BackupPC's entry page without a login: closed, open, or not told; never a POST."""

from __future__ import annotations

import http.client
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Optional
from urllib.parse import urljoin, urlsplit

from ...backuppc.undecided import Undecided

if TYPE_CHECKING:
    from ..site import Site

CLOSED, OPEN, UNTOLD = "closed", "open", "untold"
TIME_LIMIT: Final = 5.0  # seconds to connect, and for each answer to begin
MOST_BYTES: Final = 64 * 1024  # of a page: BackupPC's name stands in its head
_PAGE: Final = b"BackupPC"
_DEFAULT: Final = {"debian": "http://127.0.0.1/backuppc/index.cgi"}
_OTHERS: Final = "http://127.0.0.1/cgi-bin/BackupPC_Admin"
_REDIRECTS: Final = (301, 302, 303, 307, 308)


@dataclass(frozen=True)
class Answer:
    """What URL answered, and in words why that is so."""

    url: str
    verdict: str
    told: str


def address(site: Site) -> str:
    """Return the URL of the page: CgiURL where it is plain data, else its place on loopback."""
    try:
        value = site.setting("CgiURL")
    except Undecided:  # Debian's is made of a command's output
        value = None
    if isinstance(value, str) and urlsplit(value).scheme in ("http", "https"):
        return value
    return _DEFAULT.get(site.layout.name, _OTHERS)


def ask(url: str) -> Answer:
    """Return what URL answers to nobody; one redirection on the same host is followed."""
    answer, target = _ask(url)
    if target is None:
        return answer
    if urlsplit(target).hostname != urlsplit(url).hostname:
        return Answer(url, UNTOLD, f"{answer.told}, which is another host and isn't asked")
    then, more = _ask(target)
    told = f"{answer.told}, and that: {then.told}"
    return Answer(url, UNTOLD if more is not None else then.verdict, told)


def _ask(url: str) -> tuple[Answer, Optional[str]]:
    """Return the answer of URL, and where it sends the browser, None if nowhere."""
    parts = urlsplit(url)
    try:
        connection = _connection(parts.scheme, parts.hostname or "", parts.port)
        try:
            connection.request("GET", parts.path or "/", headers={"User-Agent": "bpc-ssh-posture"})
            response = connection.getresponse()
            body = response.read(MOST_BYTES)
        finally:
            connection.close()
    except (OSError, ValueError, http.client.HTTPException) as error:
        return Answer(url, UNTOLD, f"no answer ({type(error).__name__})"), None
    location = response.getheader("Location")
    if response.status in _REDIRECTS and location:
        target = urljoin(url, location)
        return Answer(url, UNTOLD, f"sends to {target}"), target
    return _judged(url, response.status, body), None


def _connection(scheme: str, host: str, port: Optional[int]) -> http.client.HTTPConnection:
    if scheme == "https":
        # Only the status counts here, and the page is often signed by its own host.
        context = ssl._create_unverified_context()  # noqa: S323 - nothing is sent but a GET
        return http.client.HTTPSConnection(host, port, timeout=TIME_LIMIT, context=context)
    if scheme != "http":
        raise ValueError(scheme)
    return http.client.HTTPConnection(host, port, timeout=TIME_LIMIT)


def _judged(url: str, status: int, body: bytes) -> Answer:
    if status == http.client.UNAUTHORIZED:
        return Answer(url, CLOSED, "401: it demands a login")
    if status == http.client.FORBIDDEN:
        return Answer(url, CLOSED, "403: it lets nobody in from here")
    if status == http.client.OK and _PAGE in body:
        return Answer(url, OPEN, "200: BackupPC's page without a login")
    return Answer(url, UNTOLD, f"{status}: not BackupPC's page")
