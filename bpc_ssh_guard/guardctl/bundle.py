"""Write each program as one file that runs wherever there is a Python of 3.9 or later."""

from __future__ import annotations

import io
import os
import tempfile
import zipfile
from typing import Final

from .clientpart import (
    GUARD,
    PACKAGE,
    PROGRAMS,
    Program,
    client_part,
    first_line,
    guard_part,
    start_text,
)

# The same bytes from every machine, folder, umask and time zone: one date (the first that the
# format knows), one mode, sorted names, and nothing compressed, because zlib's versions differ.
# Sources only: a .pyc would tie the file to one version of Python.
_DATE: Final = (1980, 1, 1, 0, 0, 0)
_UNIX: Final = 3
_MODE: Final = 0o100644 << 16


def bundle(directory: str) -> list[str]:
    """Write bpc-ssh-guard and bpc-ssh-guardctl into DIRECTORY; return their paths."""
    os.makedirs(directory, exist_ok=True)
    paths = []
    for program in PROGRAMS:
        modules = guard_part() if program is GUARD else client_part()
        path = os.path.join(directory, program.name)
        _replace(path, _archive(program, modules))
        paths.append(path)
    return paths


def _archive(program: Program, modules: dict[str, bytes]) -> bytes:
    members = {f"{PACKAGE}/{name}": source for name, source in modules.items()}
    members["__main__.py"] = start_text(program).encode("ascii")
    content = io.BytesIO()
    content.write(first_line().encode("ascii"))
    with zipfile.ZipFile(content, "a", zipfile.ZIP_STORED) as archive:
        for name, source in sorted(members.items()):
            entry = zipfile.ZipInfo(name, _DATE)
            entry.create_system = _UNIX
            entry.external_attr = _MODE
            archive.writestr(entry, source)
    return content.getvalue()


def _replace(path: str, content: bytes) -> None:
    """Put CONTENT in place of PATH at once: whoever runs it finds the old file or the new."""
    descriptor, beside = tempfile.mkstemp(dir=os.path.dirname(path) or ".")
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            os.fchmod(descriptor, 0o755)
            file.flush()
            os.fsync(descriptor)
        os.rename(beside, path)
    except BaseException:
        os.unlink(beside)
        raise
