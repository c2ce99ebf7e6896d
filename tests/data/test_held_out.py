"""What a run is validated on."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgedepth.config import TrainConfig
from edgedepth.errors import UserError
from edgedepth.validation import held_out_sources
from tests.data.conftest import write_pair


@pytest.fixture
def sources(rgbd_folder: Path, tmp_path: Path) -> tuple[str, str]:
    """Two folders of scenes; names of the first are held out."""
    other = tmp_path / "other"
    other.mkdir()
    write_pair(other, "garden", 50)
    return f"rgbd:{rgbd_folder}", f"rgbd:{other}"


def test_a_source_may_have_nothing_held_out(sources: tuple[str, str]) -> None:
    config = TrainConfig(data=("procedural", *sources), hold_out=("desk*",))
    found = held_out_sources(config)
    assert [source.name for source in found] == ["procedural", sources[0]]
    assert len(found[1]) == 3


def test_something_must_be_held_out(sources: tuple[str, str]) -> None:
    with pytest.raises(UserError, match="no scene is left for validation"):
        held_out_sources(TrainConfig(data=sources, hold_out=("cellar",)))
    with pytest.raises(UserError, match="no scene is left for validation"):
        held_out_sources(TrainConfig(data=sources))


def test_a_wrong_name_is_noticed_beside_an_endless_source(sources: tuple[str, str]) -> None:
    """Else the run would train on the scenes that its user meant to keep."""
    config = TrainConfig(data=("procedural", *sources), hold_out=("cellar",))
    with pytest.raises(UserError, match="--hold-out names none of the scenes"):
        held_out_sources(config)
    assert len(held_out_sources(TrainConfig(data=("procedural", *sources)))) == 1
