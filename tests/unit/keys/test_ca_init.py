"""`ca init` makes an authority whole, or nothing that stands in the way of a second try."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpc_ssh_guard.__main__ import main

if TYPE_CHECKING:
    from pathlib import Path


def test_init_without_a_store_makes_nothing_and_works_once_there_is_one(
    tmp_path: Path, capsys
) -> None:
    authority = tmp_path / "authority"
    config = tmp_path / "config"
    config.write_text(
        f'[paths]\netc = "{tmp_path}/etc"\nvar = "{tmp_path}/var"\nreader = ""\n'
        f'[certificates]\nfolder = "{authority}"\n'
        '[host.web1]\nchannel = "certificate"\nfrom = "192.0.2.10"\n'
    )
    assert main(["keys", "ca", "init", "--config", str(config)]) == 2
    assert not authority.exists()
    (tmp_path / "var").mkdir(mode=0o750)
    assert main(["keys", "ca", "init", "--config", str(config)]) == 0
    assert authority.exists()
    assert "PRIVATE" not in capsys.readouterr().out
