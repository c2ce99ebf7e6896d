"""docs/make_card.py: what of an evaluation stands on a model's card."""

from __future__ import annotations

from .conftest import ROOT
from .scripts import load_script

make_card = load_script(ROOT / "docs" / "make_card.py")

METRICS = ("rmse", "absrel", "delta1", "mae_dioptres")


def test_other_networks_stand_beside_the_baselines() -> None:
    baselines = ["mean depth", "classical", "classical, relative blur"]
    names = (*baselines, "mine-int8.tflite", "mine-run (float)", "mine-run (qat)")
    names += ("paper (float)", "paper (qat)")
    rows = {name: dict.fromkeys(METRICS, i / 8) for i, name in enumerate(names)}
    report = {"protocol": {"name": "phone"}, "data": "traced", "scenes": ["a", "b"], "frames": 6}
    precisions = {"mine-fp16.tflite": "fp16", "mine-int8.tflite": "int8"}
    (figure,) = make_card.figures({**report, "rows": rows}, precisions, "mine")
    assert figure["data"] == "traced, 2 scenes"
    assert (figure["precision"], figure["rmse"]) == ("int8", 0.375)
    assert list(figure["baselines"]) == [*baselines, "paper"]
    assert figure["baselines"]["paper"] == dict.fromkeys(METRICS, 0.75)
