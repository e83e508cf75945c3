"""What the record says at a cutoff, and nothing of days to come."""

from __future__ import annotations

from datetime import date

import pytest

from posology.conduct.trial import Trial
from posology.record.snapshot import SnapshotError, take_snapshot


def test_a_cutoff_to_come_is_refused(imgn853: Trial) -> None:
    """Windows that run today are not over, whatever day is asked about."""
    events = imgn853.events()
    with pytest.raises(SnapshotError, match="is after today, 2013-06-01: nobody knows"):
        take_snapshot(events, date(2013, 7, 1), today=date(2013, 6, 1))
    assert take_snapshot(events, date(2013, 5, 10), today=date(2013, 6, 1)).cutoff == date(2013, 5, 10)
