"""Standard-library functions by the modules that cost least to import on the guard's path.

The public modules of the same functions import enum, re or OpenSSL: 2 to 6 ms of CPU each at every
connection, where a bare interpreter takes 7. The private ones are no stable interface, so each
import falls back to the public module; tests hold both to the same results.
"""

from __future__ import annotations

import sys

try:
    from _signal import (  # type: ignore[import-not-found]  # typeshed has only signal
        SIG_DFL,
        SIG_IGN,
        SIG_SETMASK,
        SIGALRM,
        SIGHUP,
        SIGINT,
        SIGPIPE,
        SIGTERM,
        SIGXFSZ,
        pthread_sigmask,
        setitimer,
        signal,
    )
except ImportError:
    from signal import (
        SIG_DFL,
        SIG_IGN,
        SIG_SETMASK,
        SIGALRM,
        SIGHUP,
        SIGINT,
        SIGPIPE,
        SIGTERM,
        SIGXFSZ,
        pthread_sigmask,
        setitimer,
        signal,
    )

TYPE_CHECKING = False
if TYPE_CHECKING:  # typeshed has only the public module
    from hashlib import sha256
else:
    # Asked for by version: a search for a module that is not there costs 0.2 ms.
    try:
        if sys.version_info >= (3, 12):
            from _sha2 import sha256
        else:
            from _sha256 import sha256
    except ImportError:
        from hashlib import sha256

try:
    from _functools import partial  # type: ignore[import-not-found]  # typeshed has only functools
except ImportError:
    from functools import partial

try:
    from _json import encode_basestring_ascii as json_string
except ImportError:
    from json.encoder import encode_basestring_ascii as json_string

try:
    from _socket import AF_INET, AF_INET6, AF_UNIX, SOCK_DGRAM, inet_pton, socket
except ImportError:
    from socket import (  # type: ignore[assignment]  # the public socket wraps the private one
        AF_INET,
        AF_INET6,
        AF_UNIX,
        SOCK_DGRAM,
        inet_pton,
        socket,
    )

__all__ = [
    "AF_INET", "AF_INET6", "AF_UNIX", "SIGALRM", "SIGHUP", "SIGINT", "SIGPIPE", "SIGTERM",
    "SIGXFSZ", "SIG_DFL", "SIG_IGN", "SIG_SETMASK", "SOCK_DGRAM", "inet_pton", "json_string",
    "partial", "pthread_sigmask", "setitimer", "sha256", "signal", "socket",
]
