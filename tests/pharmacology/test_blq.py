"""Values below quantification: PKNCA's rules, and others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from posology.pharmacology.blq import BlqRule
from posology.pharmacology.nca.parameters import nca


@pytest.mark.parametrize(
    ("rule", "method", "last", "whole"),
    [  # PKNCA's own cases: 0 2 0 1 2 1 0 0, one apart
        (BlqRule("zero", "zero", "zero"), "linear", 5.5, 6.0),
        (BlqRule("zero", "zero", "zero"), "linear-up log-down", 4 + 1 / np.log(2), 4.5 + 1 / np.log(2)),
        (BlqRule(), "linear", 7.0, 7.5),
        (BlqRule(), "linear-up log-down", 2.5 + 3 / np.log(2), 3 + 3 / np.log(2)),
    ],
)
def test_values_below_quantification(rule: BlqRule, method: Any, last: float, whole: float) -> None:
    found = nca(np.arange(8.0), np.array([0.0, 2, 0, 1, 2, 1, 0, 0]), blq=rule, method=method)
    assert found.auc_last[0] == pytest.approx(last, abs=1e-12)
    assert found.auc_all[0] == pytest.approx(whole, abs=1e-12)


def test_values_below_quantification_by_tmax_and_by_number() -> None:
    time, value = np.arange(6.0), np.array([0.0, 4, 2, 0, 1, 0])
    dropped = nca(time, value, blq=BlqRule.by_tmax(), method="linear")
    assert dropped.auc_last[0] == dropped.auc_all[0] == pytest.approx(2 + 3 + 3)
    half = nca(time, value, blq=BlqRule("zero", 0.5, "drop"), method="linear")
    assert half.auc_last[0] == pytest.approx(2 + 3 + 1.25 + 0.75)


@pytest.mark.parametrize("rule", [-1.0, 0.0, np.nan, np.inf, "half"])
def test_a_rule_for_values_below_quantification_is_checked(rule: Any) -> None:
    for wrong in (lambda: BlqRule(middle=rule), lambda: BlqRule.by_tmax(after=rule)):
        with pytest.raises(ValueError, match="'zero', 'drop' or a number above 0"):
            wrong()
