"""Memory that frames of 12 megapixels take."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.capture.measure_alignment import peak_megabytes

MOST_MEGABYTES = 1500


@pytest.mark.slow
def test_memory_is_bounded_at_any_size_of_the_map(tmp_path: Path) -> None:
    peaks = peak_megabytes(tmp_path)
    assert len(peaks) == 2
    for size, megabytes in peaks:
        assert 50 < megabytes < MOST_MEGABYTES, size
