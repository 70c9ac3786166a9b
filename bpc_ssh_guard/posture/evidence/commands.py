"""The commands in BackupPC's settings: their words, and passwords that stand among them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Optional

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ...backuppc.settings import Value

# A value that begins with $ is a variable of BackupPC's or the shell's. Every repetition is
# bounded, else a hostile line makes a search take its length squared.
_VALUE: Final = r"""['"]?(?![$*'"\s])\S"""
_FORMS: Final = (
    ("-pPASSWORD", re.compile(
        rf"\b(?:mysql|maria|sshpass)[\w-]{{0,20}}\b[^;|&\n]{{0,300}}?\s-p{_VALUE}", re.ASCII)),
    ("--password=", re.compile(
        rf"--(?:(?:http-|ftp-)?password|passwd|pass)[=\s]\s{{0,9}}(?!-){_VALUE}", re.ASCII)),
    ("user%password", re.compile(
        r"(?:\s-U|--user=?)\s{0,9}['\"]?[^\s%'\"]{1,100}%(?![$*%'\"\s])\S", re.ASCII)),
    ("-u user:password", re.compile(
        r"\bcurl\b[^;|&\n]{0,300}?\s(?:-u|--user)[=\s]?\s{0,9}['\"]?[^\s:'\"$]{1,100}:(?![$*\s])\S",
        re.ASCII)),
    ("a variable of the environment", re.compile(
        rf"\b(?:PGPASSWORD|MYSQL_PWD|RSYNC_PASSWORD|SSHPASS|BPC_SMB_PASSWD|PASSWD)={_VALUE}",
        re.ASCII)),
    ("scheme://user:password@", re.compile(
        r"\b[a-z][a-z0-9+]{0,15}://[^\s/:@'\"]{1,100}:(?![$*])[^\s/@'\"]{1,100}@", re.ASCII)),
)
# Files that programs read a password from.
_CREDENTIALS: Final = re.compile(
    r"(?:--authentication-file|--defaults-(?:extra-)?file|--password-file|--credentials"
    r"|\s-A)[=\s]\s{0,9}['\"]?(/[^\s'\"$]{1,1000})", re.ASCII)


def inline_secret(command: str) -> Optional[str]:
    """Return the form in which COMMAND holds a password, None where it holds none."""
    return next((form for form, pattern in _FORMS if pattern.search(command)), None)


def credential_files(command: str) -> list[str]:
    """Return the paths of files that COMMAND lets a program read a password from."""
    return [path.rstrip("+") for path in _CREDENTIALS.findall(command)]


def is_command(name: str) -> bool:
    """Return whether the setting NAME holds what is run, or arguments of it."""
    return name.endswith(("Cmd", "SshArgs", "ArgsExtra")) or name == "RsyncArgs"


def commands(keys: Mapping[str, Value]) -> Iterator[tuple[str, str]]:
    """Yield name and text of every setting of KEYS that holds a command."""
    for name, value in keys.items():
        if is_command(name):
            text = flat(value)
            if text:
                yield name, text


def flat(value: Value) -> str:
    """Return VALUE as one line: a list's words joined by blanks, a hash's values too."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return " ".join(filter(None, map(flat, value)))
    if isinstance(value, dict):
        return " ".join(filter(None, map(flat, value.values())))
    return ""


def words(text: str) -> list[str]:
    r"""Return the words of TEXT as BackupPC splits a command: at blanks, "\ " keeps one."""
    return [word.replace("\\ ", " ").rstrip("+")
            for word in re.split(r"(?<!\\)\s+", text.strip()) if word]
