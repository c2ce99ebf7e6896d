"""The Python that ``docs/capture.md`` shows runs as it stands there."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from edgedepth import capture
from edgedepth.capture.profile import CameraIdentity, CameraProfile
from edgedepth.capture.sweep import read_sweep
from tests.capture.scenes import write_sweep
from tests.conftest import ROOT

PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)


def a_profile(folder: Path) -> CameraProfile:
    reading = read_sweep(folder).camera
    k = reading.camera.coc_px_per_dioptre()
    return CameraProfile(
        CameraIdentity.of(reading), k, 0.1, 1.02, 0.0, 0.01, 0.01, 0.0, "pages", "pages",
        (0.3, 2.0), 0.02,
    )  # fmt: skip


@pytest.mark.slow
def test_the_documented_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = write_sweep(tmp_path / "my_sweep")
    (tmp_path / "phone.json").write_text(json.dumps(a_profile(folder).record()))
    names: dict[str, object] = {}
    blocks = PYTHON.findall((ROOT / "docs" / "capture.md").read_text())
    assert len(blocks) == 2
    for block in blocks:
        exec(compile(block, "docs/capture.md", "exec"), names)
    written = {p.name for p in (tmp_path / "out").iterdir()}
    assert {"depth.npy", "cloud.ply", "viewer.html", "report.json"} <= written
    assert (tmp_path / "sheet.jpg").stat().st_size > 0
    assert names["relative"] is not None
    corrected = names["corrected"]
    assert isinstance(corrected, capture.Sweep)
    assert all("phone.json" in f.focus.source for f in corrected.frames if f.focus)


def test_every_public_name_is_there() -> None:
    for name in capture.__all__:
        assert callable(getattr(capture, name)), name
