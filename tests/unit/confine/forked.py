"""Run something that changes a process for good in a child, and hear what it has to say."""

from __future__ import annotations

import json
import os
import traceback
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def told_by(action: Callable[[], Any]) -> Any:
    """Return what ACTION returns in a child, by way of JSON; an OSError as its errno.

    Another exception is raised here, with the child's traceback.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            os.write(writing, json.dumps(_answer(action)).encode())
        finally:  # whatever was raised: the copy of the test run ends here
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as file:
        answer = file.read()
    _, status = os.waitpid(child, 0)
    if not answer:
        raise RuntimeError(f"the child ended with wait status {status:#x}")
    fault, value = json.loads(answer)
    if fault:
        raise RuntimeError(fault)
    return value


def _answer(action: Callable[[], Any]) -> tuple[str, Any]:
    try:
        return "", action()
    except OSError as error:
        return "", error.errno
    except Exception:
        return traceback.format_exc(), None
