"""Joint outcomes: reading, writing, and chances against the bivariate normal distribution."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from posology.expansion.joint_outcomes import JointTally, joint_chances


def test_reads_and_writes() -> None:
    tally = JointTally.of("1nnn 2ETB 2N", levels=3)
    assert tally.text() == "1NNN 2NETB"
    assert tally.treated.tolist() == [[3, 4, 0]] and tally.toxicities.tolist() == [[0, 2, 0]]
    assert tally.responses.tolist() == [[0, 2, 0]] and tally.level.tolist() == [1]
    assert JointTally.of("", levels=2).level.tolist() == [-1]


@pytest.mark.parametrize(
    ("text", "message"), [("1NX", "1NX"), ("NNN", "NNN"), ("0N", "no level 0"), ("4N", "no level 4")]
)
def test_refuses_by_name(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        JointTally.of(text, levels=3)


@pytest.mark.parametrize("correlation", [-0.95, -0.3, 0.2, 0.5, 0.97])
def test_chances_of_the_bivariate_normal(correlation: float) -> None:
    for toxicity, response in ((0.1, 0.5), (0.3, 0.3), (0.02, 0.9)):
        expected = multivariate_normal.cdf(
            norm.ppf([toxicity, response]), cov=[[1, correlation], [correlation, 1]], abseps=1e-10, releps=1e-10
        )
        chances = joint_chances([toxicity], [response], correlation)[0]
        assert chances[3] == pytest.approx(expected, abs=1e-7)
        assert chances.sum() == pytest.approx(1)
        assert chances[2] + chances[3] == pytest.approx(toxicity) and chances[1] + chances[3] == pytest.approx(response)


def test_rates_of_zero_and_one() -> None:
    np.testing.assert_allclose(joint_chances([0.0, 1.0], [0.4, 0.4], 0.9), [[0.6, 0.4, 0, 0], [0, 0, 0.6, 0.4]])


def test_refuses() -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        joint_chances([0.2], [1.2])
    with pytest.raises(ValueError, match="correlation"):
        joint_chances([0.2], [0.2], 1.0)
    with pytest.raises(ValueError, match="negative"):
        JointTally(np.full((1, 2, 4), -1), np.array([0]))
