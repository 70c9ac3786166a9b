"""The project's documents as text: manual pages and their parts, Markdown and its blocks."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
MAN = PROJECT / "man"
GUARD = MAN / "bpc-ssh-guard.8"
GUARDCTL = MAN / "bpc-ssh-guardctl.8"
LOG = MAN / "bpc-ssh-guard-log.5"
POLICY = MAN / "bpc-ssh-guard-policy.5"
AUDIT = MAN / "bpc-ssh-audit.1"
KEYS = MAN / "bpc-ssh-keys.8"
POSTURE = MAN / "bpc-ssh-posture.8"
CONF = MAN / "bpc-ssh-keys.conf.5"
PROTOCOL = MAN / "bpc-ssh-keys-protocol.7"
RECOVERY = MAN / "bpc-ssh-keys-recovery.7"
THREATS = MAN / "bpc-ssh-guard-threats.7"
README = PROJECT / "README.md"
MARKDOWN = (README, PROJECT / "SECURITY.md", PROJECT / "CHANGELOG.md")
SECONDS = 60


def manual_pages() -> list[Path]:
    """Return every page of the project."""
    return sorted(MAN.iterdir())


def text(path: Path) -> str:
    """Return the source of a document."""
    return path.read_text(encoding="utf-8")


def rendered(page: Path) -> str:
    """Return PAGE as a reader sees it, each paragraph in one line, quotes as in the source."""
    done = subprocess.run(
        ["mandoc", "-T", "utf8", "-O", "width=1000", str(page)],
        capture_output=True, check=True, encoding="utf-8", timeout=SECONDS,
    )
    return re.sub(".\b", "", done.stdout)


def section(page: Path, name: str) -> str:
    """Return the source of the section NAME of PAGE."""
    return text(page).split(f"\n.Sh {name}\n")[1].split("\n.Sh ")[0] + "\n"


def items(source: str, macro: str) -> list[str]:
    """Return the first word of each `.It MACRO` in SOURCE, in their order."""
    return re.findall(rf"^\.It {macro} (\S+)", source, re.MULTILINE)


def literal_blocks(page: Path, mark: str = "") -> list[str]:
    r"""Return the literal blocks of PAGE as they are shown; only those behind `.\" MARK`."""
    begin = rf'^\.\\" {mark}\n' if mark else "^"
    blocks = re.findall(
        begin + r"\.Bd -literal[^\n]*\n(.*?)^\.Ed$", text(page), re.MULTILINE | re.DOTALL
    )
    return [block.replace(r"\e", "\\").replace(r"\&", "") for block in blocks]


def fenced_blocks(path: Path, language: str) -> list[str]:
    """Return the blocks of the Markdown file PATH that are marked with LANGUAGE."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text(path), re.MULTILINE | re.DOTALL)


def policies() -> list[tuple[Path, str]]:
    """Return every policy that a document shows, with its place."""
    shown = [(page, block) for page in manual_pages() for block in literal_blocks(page, "policy")]
    return shown + [(path, block) for path in MARKDOWN for block in fenced_blocks(path, "policy")]
