"""The commands of expansion cohorts: what they print is what the library gives, and bad input is named."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from posology.cli.expansion import app

runner = CliRunner()


def call(*arguments: str) -> dict:
    done = runner.invoke(app, [*arguments, "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


def test_simon() -> None:
    designs = call("two-stage", "--p0", "0.1", "--p1", "0.3")["designs"]
    assert [d["name"] for d in designs] == ["minimax", "admissible", "admissible", "optimal"]
    ends = [(d["r1"], d["n1"], d["r"], d["n"]) for d in (designs[0], designs[-1])]
    assert ends == [(1, 15, 5, 25), (1, 10, 5, 29)]  # Simon 1989, table 1


def test_fleming() -> None:
    designs = call("two-stage", "--p0", "0.05", "--p1", "0.25", "--kind", "fleming", "--max-patients", "20")["designs"]
    assert set(designs) == {"optimal", "minimax"}


def test_a_hern() -> None:
    found = call("single-stage", "--p0", "0.05", "--p1", "0.2")
    assert (found["n"], found["r"]) == (27, 3)


@pytest.mark.parametrize("method", ["posterior", "predictive", "bop2"])
def test_monitoring(method: str) -> None:
    options = ("--futility", "0.9") if method == "bop2" else ()
    found = call("monitor", "--looks", "10,20,30", "--p0", "0.2", "--method", method, "--truth", "0.2,0.4", *options)
    assert [row["patients"] for row in found["boundaries"]] == [10, 20, 30]
    low, high = found["characteristics"]
    assert low["success"] < high["success"]


def test_an_estimate() -> None:
    found = call("estimate", "--responders", "10", "--design", "1/12,35", "--p0", "0.1")
    assert found["umvue"] == pytest.approx(0.299104, abs=1e-6)  # clinfun


@pytest.mark.parametrize(
    "model",
    ["exnex", "hierarchical", "mem", "bma", "local-mem", "fujikawa", "calibrated-power-prior", "none", "pooled"],
)
def test_baskets(model: str) -> None:
    found = call(
        "baskets", "--sizes", "8,8", "--rate", "0.2", "--responses", "1,4", "--truth", "0.2,0.5", "--model", model
    )
    first, second = (row["above"] for row in found["baskets"])
    assert first == pytest.approx(second) if model == "pooled" else first < second
    assert 0 <= found["characteristics"]["any_false"] <= 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("baskets", "--sizes", "15,x", "--rate", "0.2", "--responses", "1,2"), "is no number"),
        (("baskets", "--sizes", "15,2.5", "--rate", "0.2", "--responses", "1,2"), "no whole number"),
        (("baskets", "--sizes", "15,15", "--rate", "0.2"), "give --responses"),
        (("baskets", "--sizes", "15,15", "--rate", "0.2", "--responses", "1"), "--sizes has 2"),
        (("baskets", "--sizes", "0,15", "--rate", "0.2", "--responses", "0,1"), "one patient or more"),
        (("baskets", "--sizes", "15,15", "--rate", "2", "--responses", "0,1"), "between 0 and 1"),
        (("monitor", "--looks", "10", "--p0", "1.5"), "between 0 and 1"),
        (("monitor", "--looks", "10", "--p0", "0.2", "--prior", "1"), "two shapes"),
        (("estimate", "--responders", "3", "--design", "1-12", "--p0", "0.1"), "no design"),
    ],
)
def test_bad_options_are_named(arguments: tuple[str, ...], words: str) -> None:
    done = runner.invoke(app, list(arguments))
    assert done.exit_code == 2
    assert words in " ".join(done.output.replace("│", " ").split())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("two-stage", "--p0", "0.3", "--p1", "0.1"), "0 < p0 < p1 < 1"),
        (("monitor", "--looks", "10,5", "--p0", "0.2"), "increase"),
        (("estimate", "--responders", "100", "--design", "1/12,35", "--p0", "0.1"), "between 0 and 35"),
        (("baskets", "--sizes", "15,15", "--rate", "0.2", "--responses", "1,20"), "basket 2 has 20 responses in 15"),
        (("baskets", "--sizes", "99,99,99,99", "--rate", "0.2", "--truth", ".2,.2,.2,.2"), "simulate instead"),
    ],
)
def test_what_cannot_be_is_said(arguments: tuple[str, ...], words: str) -> None:
    done = runner.invoke(app, list(arguments))
    assert isinstance(done.exception, ValueError)
    assert words in str(done.exception)
