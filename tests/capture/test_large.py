"""Frames of 12 megapixels: time against decoding them, and memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.capture.measure_alignment import peak_megabytes, seconds

MOST_TIMES_DECODING = 2.5
MOST_MEGABYTES = 1500


@pytest.mark.slow
def test_infer_costs_little_more_than_decoding(tmp_path: Path) -> None:
    infer, full = seconds(tmp_path, runs=3)
    assert infer <= MOST_TIMES_DECODING * full


@pytest.mark.slow
def test_memory_is_bounded_at_any_size_of_the_map(tmp_path: Path) -> None:
    peaks = peak_megabytes(tmp_path)
    assert len(peaks) == 2
    for size, megabytes in peaks:
        assert 50 < megabytes < MOST_MEGABYTES, size
