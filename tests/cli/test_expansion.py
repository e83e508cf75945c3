"""The commands of expansion cohorts: what they print is what the library gives, and bad input is named."""

from __future__ import annotations

import json
from pathlib import Path

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


def test_toxicity() -> None:
    found = call("toxicity", "--p0", "0.2", "--patients", "20", "--alpha", "0.1", "--truth", "0.2,0.4")
    reached = [row["toxicities"] for row in found["boundary"]]
    assert reached == [None, None, 3, 3, 4, 4, 4, 5, 5, 5, 6, 6, 6, 7, 7, 7, 7, 8, 8, 8]  # stoppingrule, Pocock
    assert found["characteristics"][0]["ends"] == pytest.approx(0.0865939973)
    for rule in ("obrien-fleming", "wang-tsiatis", "beta-binomial", "max-sprt"):
        assert call("toxicity", "--p0", "0.2", "--looks", "5,10", "--method", rule)["method"] == rule
    assert call("toxicity", "--p0", "0.2", "--looks", "5,10", "--method", "sprt", "--p1", "0.4")["method"] == "sprt"


def test_late_responses() -> None:
    found = call(
        *("late-responses", "--looks", "15,30,45", "--p0", "0.45", "--lambda", "0.94", "--gamma", "0.5"),
        *("--patients", "15", "--responders", "5", "--followed", "0.5,0.5,0.5,0.5"),
    )
    assert found["decision"]["outcome"] == "futility"
    assert [row["accrual_waits_at"] for row in found["looks"]] == [5, 20, 1]
    simulated = call("late-responses", "--looks", "10,20", "--p0", "0.2", "--truth", "0.2,0.5", "--trials", "500")
    low, high = simulated["simulated"]
    assert low["promising"] < high["promising"]


def test_survival(tmp_path: Path) -> None:
    found = call("survival", "--median", "6", "--hazard-ratio", "0.6666667")
    assert found["design"]["patients"] == 52
    file = tmp_path / "survival.csv"
    file.write_text("months,died\n3,1\n8,1\n10,0\n12,1\n15,0\n20,0\n", encoding="utf-8")
    test = call("survival", "--median", "6", "--data", str(file))["test"]
    assert (test["observed"], round(test["p_value"], 4)) == (3, 0.0416)
    file.write_text("months,died\n3,yes\n", encoding="utf-8")
    done = runner.invoke(app, ["survival", "--median", "6", "--data", str(file)])
    assert done.exit_code == 2 and "line 2: died is 'yes'" in " ".join(done.output.replace("│", "").split())


def test_randomised_doses() -> None:
    found = call("pick-winner", "--patients", "20", "--response", "0.2,0.35")
    assert [round(row["picked"], 6) for row in found["doses"]] == [0.103878, 0.816377]  # clinfun
    found = call("pick-winner", "--patients", "30", "--response", "0.3,0.45", "--margin", "0.1")
    assert found["inconclusive"] == pytest.approx(0, abs=1e-9)
    rates = ("--toxicity-null", "0.4", "--toxicity-alt", "0.2", "--response-null", "0.2", "--response-alt", "0.4")
    design = call("merit", *rates, "--correlation", "0.5")["design"]
    assert (design["patients"], design["max_toxicities"], design["min_responses"]) == (26, 7, 9)  # the paper's


def test_optimal_dose() -> None:
    limits = ("optimal-dose", "--levels", "5", "--max-toxicity", "0.35", "--min-response", "0.25")
    found = call(*limits, "--data", "1NNN 2ENT 3ETT 2EEN")
    assert (found["action"], found["level"]) == ("stay", 2)  # the paper's example
    assert call(*limits, "--method", "u-boin", "--data", "1NNN")["level"] == 2
    rates = ("--toxicity", "0.02,0.05,0.1,0.4,0.6", "--response", "0.05,0.2,0.6,0.6,0.6")
    found = call(*limits, *rates, "--trials", "500")
    chances = [row["selected"] for row in found["levels"]]
    assert chances.index(max(chances)) == 2 and sum(chances) + found["none"] == pytest.approx(1)


def test_combination() -> None:
    found = call(
        *("combination", "--target", "0.3", "--treated", "3,3,0,0;0,3,0,0", "--dlts", "0,0,0,0;0,0,0,0"),
        *("--last", "2,2"),
    )
    assert (found["level"], found["mtd"], found["contour"]) == ([2, 3], [2, 2], [[1, 2], [2, 2]])  # BOIN


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("toxicity", "--p0", "0.2"), "--looks"),
        (("toxicity", "--p0", "1.2", "--patients", "9"), "between 0 and 1"),
        (("toxicity", "--p0", "0.2", "--patients", "9", "--method", "sprt"), "unacceptable rate"),
        (("late-responses", "--looks", "10,20", "--p0", "0.2", "--patients", "30"), "the design has 20"),
        (("late-responses", "--looks", "10,20", "--p0", "0.2", "--patients", "10", "--followed", "2"), "below 1"),
        (("survival", "--median", "6"), "--data"),
        (("survival", "--median", "-6", "--hazard-ratio", "0.5"), "above 0"),
        (("pick-winner", "--patients", "0", "--response", "0.2,0.3"), "1 or more"),
        (
            ("merit", "--toxicity-null", "0.2", "--toxicity-alt", "0.4", "--response-null", "0", "--response-alt", "1"),
            "below",
        ),
        (("optimal-dose", "--levels", "3", "--max-toxicity", "0.3", "--min-response", "0.2", "--data", "1X"), "1X"),
        (("optimal-dose", "--levels", "3", "--max-toxicity", "0.3", "--min-response", "0.2", "--utility", "1"), "four"),
        (("combination", "--target", "0.3", "--treated", "3;3,3", "--dlts", "0;0", "--last", "1,1"), "columns"),
        (("combination", "--target", "0.3", "--treated", "3,3", "--dlts", "4,0", "--last", "1,1"), "DLTs lie"),
    ],
)
def test_bad_input_is_named(arguments: tuple[str, ...], message: str) -> None:
    done = runner.invoke(app, list(arguments))
    assert done.exit_code == 2 or isinstance(done.exception, ValueError)
    said = f"{done.output} {done.exception}".replace("│", " ")
    assert message in " ".join(said.split())
