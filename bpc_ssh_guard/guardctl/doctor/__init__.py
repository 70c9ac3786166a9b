"""Learn what the kernel really forbids each key: by trying it, inside the key's confinement."""

from .diagnosis import Diagnosis, Verdict, in_words
from .examination import examine

__all__ = ["Diagnosis", "Verdict", "examine", "in_words"]
