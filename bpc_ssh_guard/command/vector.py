"""An argument vector, each argument ended by NUL, read by the grammar of its program."""

from __future__ import annotations

from ..errors import Refused
from ..grammar import driver
from ..vocabulary import Reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..grammar.driver import Table, Token


def read(
    table: Table, start: str, data: bytes, locate: Callable[[int], int], in_list: bool = False
) -> list[Token]:
    """Return the tokens of DATA; raises Refused(unknown-option or bad-operand).

    LOCATE turns an offset of DATA into the one that the admin is shown.
    """
    try:
        return driver.parse(table, start, data)
    except driver.Unparsable as error:
        reason, detail = _complaint(data, error.start)
        raise Refused(reason, detail, locate(error.offset), in_list) from None


def _complaint(data: bytes, start: int) -> tuple[str, str]:
    if start >= len(data):
        return Reason.BAD_OPERAND, "the command ends before its last argument"
    if data[start : start + 1] == b"-":
        return Reason.UNKNOWN_OPTION, "the option is unknown, misspelt or out of place here"
    return Reason.BAD_OPERAND, "a word stands where an option or an operand of another form belongs"
