"""docs/make_meshes.py: meshes out of a package."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from .conftest import ROOT
from .scripts import load_script

SCRIPT = ROOT / "docs" / "make_meshes.py"


def test_only_the_meshes_are_gathered_under_their_own_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    script = load_script(SCRIPT)

    def download(command: list[str], check: bool) -> None:
        assert check
        assert command[-1] == script.PACKAGE
        with zipfile.ZipFile(Path(command[-2]) / "package.whl", "w") as wheel:
            wheel.writestr("pybullet_data/random_urdfs/007/007.obj", "v 0 0 0\n")
            wheel.writestr("pybullet_data/random_urdfs/007/007.urdf", "no mesh")
            wheel.writestr("pybullet_data/random_urdfs/168/168.obj", "v nan nan nan\n")
            wheel.writestr("pybullet_data/duck.obj", "of another licence")

    monkeypatch.setattr(script.subprocess, "run", download)
    script.main([str(tmp_path / "objects")])
    assert [path.name for path in (tmp_path / "objects").iterdir()] == ["007.obj"]
    assert (tmp_path / "objects" / "007.obj").read_text() == "v 0 0 0\n"
    assert capsys.readouterr().out.startswith(f"{tmp_path / 'objects'}: 1 meshes")


def test_without_a_folder_it_says_how_it_is_called():
    done = subprocess.run([sys.executable, str(SCRIPT)], capture_output=True, text=True)
    assert done.returncode == 1
    assert "python docs/make_meshes.py objects" in done.stderr
