"""The enumeration level by level against the one cohort by cohort, and the design's own choice of the MTD."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posology.designs import Boin, I3plus3, Iboin, Keyboard, Mtpi2, Tally, ThreePlusThree, TiteBoin
from posology.operating import TooLarge, enumerate_trials, exact
from posology.operating.exact_by_level import ends_by_level, is_by_level

MOST = 10_000_000


def merged(keys: Any, mtd: Any, paths: Any) -> tuple[Any, Any, Any]:
    """Ends alike put together, in the order of their counts."""
    distinct, first, which = np.unique(keys, axis=1, return_index=True, return_inverse=True)
    return distinct, mtd[first], np.bincount(which.ravel(), paths)


def same(design: Any) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(exact, "is_by_level", lambda design: False)
        plain = enumerate_trials(design)
    assert is_by_level(design)
    packing, *ends = ends_by_level(design, MOST)
    assert packing == plain.packing
    for ours, theirs in zip(merged(*ends), merged(plain.keys, plain.mtd, plain.n_paths), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


@given(
    kind=st.sampled_from([Boin, Keyboard, Mtpi2, I3plus3]),
    levels=st.integers(1, 5),
    target=st.sampled_from([0.2, 0.25, 0.3, 0.33]),
    cohort=st.integers(1, 4),
    cohorts=st.integers(1, 7),
    start=st.integers(0, 4),
    stop_at=st.none() | st.integers(3, 12),
    extra_safe=st.sampled_from([0.0, 0.05]),
    elimination=st.sampled_from([0.8, 0.95, 1.0]),
)
@settings(max_examples=60, deadline=None)
def test_level_by_level_is_cohort_by_cohort(
    kind: Any, levels: int, start: int, cohort: int, cohorts: int, **options: Any
) -> None:
    options["extra_safe"] = min(options["extra_safe"], options["elimination"] / 2)
    design = kind(levels, start=min(start, levels - 1), cohort=cohort, max_patients=cohort * cohorts, **options)
    same(design)


def test_a_table_of_its_own_for_each_level_and_two_words() -> None:
    same(Iboin(4, 0.3, prior=(0.06, 0.14, 0.25, 0.38), prior_sample_size=(3, 1, 0, 3), max_patients=24))
    same(Boin(7, 0.3, cohort=6, max_patients=48))


def test_the_mtd_is_the_designs_own() -> None:
    design = Boin(6, 0.3, cohort=2, max_patients=28)
    packing, keys, mtd, _ = ends_by_level(design, MOST)
    treated, dlts = packing.unpack(keys)
    np.testing.assert_array_equal(mtd, design.select(Tally(treated, dlts, np.zeros(len(mtd), dtype=np.int64))))


def test_it_is_taken_where_it_is_worth_it_only_where_it_holds() -> None:
    large = enumerate_trials(Boin(5, 0.3, max_patients=42))
    assert (large.n_paths * 0.5 ** large.treated.sum(axis=1)).sum() == pytest.approx(1)  # all outcomes equally likely
    assert not is_by_level(ThreePlusThree(5))
    assert not is_by_level(TiteBoin(5, 0.3))
    assert not is_by_level(Boin(5, 0.3, max_patients=31))
    assert not is_by_level(Boin(5, 0.3, stop_at=9, stop_when="reached"))
    assert not is_by_level(Boin(5, 0.3, bounded=True))
    with pytest.raises(TooLarge, match="simulate it instead"):
        enumerate_trials(Boin(5, 0.3, cohort=1, max_patients=30), most=10_000)


def test_a_trial_too_short_for_an_early_end() -> None:
    same(Boin(5, 0.2, start=1, cohort=1, max_patients=2, elimination=0.8, extra_safe=0.0))
