"""What a hostile account sets in its environment and plants in its folders to get code run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# Modules that a start imports: the package, what site asks for, the first of the standard library.
PLANTED = ("bpc_ssh_guard/__init__.py", "sitecustomize.py", "usercustomize.py", "os.py", "stat.py",
           "time.py", "gc.py", "struct.py", "runpy.py", "encodings/__init__.py", "startup.py")

VARIABLES = {
    "PYTHONPATH": "{}", "PYTHONHOME": "{}", "PYTHONPLATLIBDIR": "{}", "PYTHONUSERBASE": "{}",
    "PYTHONSTARTUP": "{}/startup.py", "PYTHONPYCACHEPREFIX": "{}", "PYTHONEXECUTABLE": "{}",
    "PYTHONBREAKPOINT": "startup.run", "PYTHONWARNINGS": "error::startup.Warning",
    "PYTHONINSPECT": "1", "PYTHONCASEOK": "1", "PYTHONVERBOSE": "1", "PYTHONDEBUG": "1",
    "PYTHONOPTIMIZE": "2", "PYTHONPROFILEIMPORTTIME": "1", "PYTHONDEVMODE": "1",
    "PYTHONTRACEMALLOC": "5", "PYTHONFAULTHANDLER": "1", "PYTHONDUMPREFS": "1",
    "PYTHONMALLOC": "nonsense", "PYTHONIOENCODING": "utf-16", "PYTHONUTF8": "nonsense",
    "PYTHONSAFEPATH": "", "PYTHONHASHSEED": "nonsense", "__PYVENV_LAUNCHER__": "{}",
    "VIRTUAL_ENV": "{}", "HOME": "{}",
}


@dataclass(frozen=True)
class Trap:
    """A folder full of modules that leave a mark when one of them runs."""

    folder: Path

    @classmethod
    def plant(cls, folder: Path) -> Trap:
        trap = cls(folder)
        for name in PLANTED:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(trap.code)
        for minor in range(9, 20):  # where PYTHONUSERBASE and PYTHONHOME lead
            site = folder / f"lib/python3.{minor}/site-packages"
            site.mkdir(parents=True)
            (site / "planted.pth").write_text(trap.code)
        return trap

    @property
    def mark(self) -> Path:
        return self.folder / "somebody-ran-this"

    @property
    def code(self) -> str:
        """One line that works as early as `encodings` is imported."""
        return f"import posix; posix.close(posix.open({str(self.mark)!r}, posix.O_CREAT))\n"

    @property
    def environment(self) -> dict[str, str]:
        """Return what the folder makes of each variable of python(1) that changes what runs."""
        return {name: value.format(self.folder) for name, value in VARIABLES.items()}
