"""Paths as bytes: one spelling each, compared with roots component by component."""

from __future__ import annotations

from .text import find_control

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, Optional

MAX_COMPONENT: Final = 255  # NAME_MAX of Linux file systems
MAX_PATH: Final = 4094  # rsync fails or cuts from 4095 on (MAXPATHLEN)


def find_fault(path: bytes) -> Optional[str]:
    """Return what is wrong with PATH as an absolute path in its only spelling, or None.

    No empty, "." or ".." component, no control character; one trailing slash is fine, "/" too.
    """
    if path[:1] != b"/":
        return "the path is relative"
    return find_name_fault(path[1:])


def find_name_fault(name: bytes) -> Optional[str]:
    """Return what is wrong with NAME, a path below a folder, or None; the folder itself is ""."""
    if len(name) >= MAX_PATH:
        return f"the path has more than {MAX_PATH} bytes"
    if find_control(name) is not None:
        return "the path holds a control character"
    if not name:
        return None
    for component in name[: -1 if name.endswith(b"/") else None].split(b"/"):
        if component in (b"", b".", b".."):
            return "the path has an empty, . or .. component"
        if len(component) > MAX_COMPONENT:
            return f"a component of the path has more than {MAX_COMPONENT} bytes"
    return None


def is_beneath(path: bytes, root: bytes) -> bool:
    """Tell whether PATH is ROOT or below it; both well-formed, a trailing slash has no meaning."""
    root = root.rstrip(b"/") + b"/"
    return (path.rstrip(b"/") + b"/").startswith(root)
