"""Each format gives back what went in; what it cannot hold is refused with its reasons; bad files are told in words."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pyreadstat
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from posology.interchange.datasets.dataset import Dataset, DatasetError, Variable
from posology.interchange.datasets.formats import Format, check_format, read_dataset, write_dataset

FORMATS: list[Format] = ["xpt", "json", "ndjson", "parquet", "csv"]
FRAME = pl.DataFrame(
    {
        "STUDYID": ["P1", "P1", "P1"],
        "USUBJID": ["P1-001", "P1-002", "P1-003"],
        "SUBJID": ["001", "002", "003"],
        "TERM": ['Vision "blurred", both eyes', None, "Übelkeit, ≥ 2 Tage"],
        "AGE": [61, None, 48],
        "WEIGHT": [68.5, 0.1 + 0.2, None],
        "TRTSDT": [date(2012, 6, 11), date(1959, 12, 31), None],
        "TRTSDTM": [datetime(2012, 6, 11, 9, 30, 5), None, datetime(1955, 1, 1)],
        "AESTDTC": ["2012-06", "2012-06-12", None],
    }
)
DATASET = Dataset.of("ADSL", FRAME, "Subject-Level Analysis", labels={"AGE": "Age", "TRTSDT": "Date of First Exposure"})


@pytest.mark.parametrize("format", FORMATS)
def test_round_trip(format: Format, tmp_path: Path) -> None:
    back = read_dataset(write_dataset(DATASET, tmp_path / f"adsl.{format}"))
    assert back.name == "ADSL"
    assert back.frame.equals(FRAME)
    assert [v.type for v in back.variables] == [v.type for v in DATASET.variables]
    if format != "csv":
        assert back.label == DATASET.label
        assert [v.label or v.name for v in back.variables] == [v.label or v.name for v in DATASET.variables]
        assert back.variable("TRTSDT").format == "DATE9."
    assert [p.name for p in tmp_path.iterdir()] == [f"adsl.{format}"]


def test_a_transport_file_is_what_another_reader_sees(tmp_path: Path) -> None:
    path = write_dataset(DATASET, tmp_path / "adsl.xpt")
    frame, meta = pyreadstat.read_xport(str(path), output_format="polars")
    assert (meta.table_name, meta.file_label) == ("ADSL", "Subject-Level Analysis")
    assert meta.column_labels[4] == "Age"
    assert frame["TRTSDT"].to_list() == FRAME["TRTSDT"].to_list()
    assert frame["TRTSDTM"].to_list() == FRAME["TRTSDTM"].to_list()
    assert frame["WEIGHT"].to_list() == FRAME["WEIGHT"].to_list()
    raw, _ = pyreadstat.read_xport(str(path), disable_datetime_conversion=True, output_format="polars")
    assert raw["TRTSDT"].to_list() == [(date(2012, 6, 11) - date(1960, 1, 1)).days, -1.0, None]


def test_dataset_json_is_as_published(tmp_path: Path) -> None:
    made = datetime(2013, 6, 1, tzinfo=UTC)
    document = json.loads(write_dataset(DATASET, tmp_path / "adsl.json", created=made).read_text())
    assert document["datasetJSONVersion"] == "1.1.0"
    assert document["datasetJSONCreationDateTime"] == "2013-06-01T00:00:00Z"
    assert (document["records"], document["studyOID"], document["itemGroupOID"]) == (3, "P1", "IG.ADSL")
    column = {c["name"]: c for c in document["columns"]}
    assert column["TRTSDT"] == {
        "itemOID": "IT.ADSL.TRTSDT",
        "name": "TRTSDT",
        "label": "Date of First Exposure",
        "dataType": "date",
        "targetDataType": "integer",
        "displayFormat": "DATE9.",
    }
    assert document["rows"][0][6:8] == ["2012-06-11", "2012-06-11T09:30:05"]
    assert document["rows"][1][6:8] == ["1959-12-31", None]


def test_dataset_json_passes_another_library(tmp_path: Path) -> None:
    from odmlib.dataset_json_1_1 import model

    document = json.loads(write_dataset(DATASET, tmp_path / "adsl.json").read_text())
    columns = [model.Column(**column) for column in document["columns"]]
    assert [c.name for c in columns] == FRAME.columns


TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=40).map(lambda s: s.rstrip(" ") or None)
NUMBERS = st.one_of(st.none(), st.floats(-1e70, 1e70).filter(lambda x: x == 0 or abs(x) > 1e-70))
DATES = st.one_of(st.none(), st.dates(date(1700, 1, 1), date(2999, 12, 31)))
ROWS = st.lists(st.tuples(TEXTS, NUMBERS, st.one_of(st.none(), st.integers(-(2**53), 2**53)), DATES), max_size=8)


@given(rows=ROWS, format=st.sampled_from(FORMATS))
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_rows_come_back(rows: list[tuple[object, ...]], format: Format, tmp_path: Path) -> None:
    schema = {"TEXT": pl.String, "NUMBER": pl.Float64, "WHOLE": pl.Int64, "DAY": pl.Date}
    frame = pl.DataFrame([("a", 0.5, 1, date(2000, 1, 1)), *rows], schema=schema, orient="row")
    back = read_dataset(write_dataset(Dataset.of("X", frame), tmp_path / f"x.{format}")).frame
    assert back.equals(frame)


LIMITS = [
    (pl.DataFrame({"SUBJECTID": [1]}), {}, "", "SUBJECTID: has 9 characters"),
    (pl.DataFrame({"A": [1]}), {"A": "x" * 41}, "", "a label of 41 bytes"),
    (pl.DataFrame({"A": [1]}), {}, "x" * 41, "ADSL: has a label of 41 bytes"),
    (pl.DataFrame({"A": ["x", "é" * 101]}), {}, "", "more than 200 bytes in row 2"),
    (pl.DataFrame({"A": ["x "]}), {}, "", "ends in a blank in row 1"),
    (pl.DataFrame({"A": [1e80]}), {}, "", "cannot hold it exactly"),
    (pl.DataFrame({"A": [2**60]}), {}, "", "cannot hold it exactly"),
    (pl.DataFrame({"A": ["x", None]}), {}, "", "holds nothing in row 2"),
    (pl.DataFrame({"A": [datetime(2000, 1, 1, 0, 0, 0, 5)]}), {}, "", "parts of a second"),
]


@pytest.mark.parametrize(("frame", "labels", "label", "says"), LIMITS)
def test_what_a_transport_file_cannot_hold_is_refused(
    frame: pl.DataFrame, labels: dict[str, str], label: str, says: str, tmp_path: Path
) -> None:
    dataset = Dataset.of("ADSL", frame, label, labels)
    with pytest.raises(DatasetError, match=says):
        write_dataset(dataset, tmp_path / "adsl.xpt")
    assert not list(tmp_path.iterdir())
    assert not check_format(dataset, "parquet")


def test_every_reason_is_given_at_once(tmp_path: Path) -> None:
    dataset = Dataset.of("ADSL", pl.DataFrame({"SUBJECTID": ["x" * 300], "B": [1]}), labels={"B": "x" * 50})
    with pytest.raises(DatasetError) as caught:
        write_dataset(dataset, tmp_path / "adsl.xpt")
    assert len(caught.value.findings) == 3


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_no_number_that_is_none(value: float, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="AVAL: is"):
        write_dataset(Dataset.of("ADLB", pl.DataFrame({"AVAL": [1.0, value]})), tmp_path / "adlb.json")


def test_names_are_names_and_there_once(tmp_path: Path) -> None:
    frame = pl.DataFrame({"A B": [1], "X": [1], "x": [2]})
    assert [str(f) for f in check_format(Dataset.of("ADSL", frame), "csv")] == [
        "ADSL.A B: is no name; a name is letters, digits and _, and begins with a letter",
        "ADSL.x: is there twice; each variable has a name of its own",
    ]


def test_text_of_an_old_transport_file(tmp_path: Path) -> None:
    path = write_dataset(Dataset.of("AE", pl.DataFrame({"AETERM": ["caf##", "xxxxxxxxxxxxx"]})), tmp_path / "ae.xpt")
    path.write_bytes(path.read_bytes().replace(b"caf##", b"caf\xe9 "))
    back = read_dataset(path)
    assert back.frame["AETERM"][0] == "café"
    assert "Windows-1252" in str(back.findings[0])


def test_a_date_format_on_values_that_are_no_dates(tmp_path: Path) -> None:
    dataset = Dataset.of("X", pl.DataFrame({"ADT": [1.5, 2.5]}), formats={"ADT": "DATE9."})
    back = read_dataset(write_dataset(dataset, tmp_path / "x.xpt"))
    assert back.frame["ADT"].to_list() == [1.5, 2.5]
    assert "no dates" in str(back.findings[0])


def test_csv_tells_types_by_its_quotes(tmp_path: Path) -> None:
    path = tmp_path / "dm.csv.gz"
    path.write_bytes(
        gzip.compress(
            b'"USUBJID","SUBJID","AGE","TRTSDT","DMDTC"\n"1","1015",63,2014-01-02,"2014-01-02"\n"2","0007",,,\n'
        )
    )
    frame = read_dataset(path).frame
    assert frame.rows() == [("1", "1015", 63, date(2014, 1, 2), "2014-01-02"), ("2", "0007", None, None, None)]


def test_csv_without_quotes_knows_the_standard_s_text(tmp_path: Path) -> None:
    (tmp_path / "lb.csv").write_text("SUBJID,LBSEQ,LBORRES,LBSTRESN,LBDTC\n0007,1,3.8,3.8,2014-01-02\n")
    assert read_dataset(tmp_path / "lb.csv").frame.row(0) == ("0007", 1, "3.8", 3.8, "2014-01-02")


def test_a_quote_left_open_closes_with_its_line_and_is_told(tmp_path: Path) -> None:
    (tmp_path / "ts.csv").write_text('"A","B"\n"1","Alzheimer\n"2","x"\n')
    back = read_dataset(tmp_path / "ts.csv")
    assert back.frame.rows() == [("1", "Alzheimer"), ("2", "x")]
    assert str(back.findings[0]).split(", ", 1)[1].startswith("line 2: opens a quote that is never closed")


COLUMN = {"itemOID": "IT.X.A", "name": "A", "label": "A", "dataType": "integer"}
WHOLE = {"datasetJSONVersion": "1.1.0", "name": "X", "columns": [COLUMN], "rows": [[1]], "records": 1}
BAD = [
    ("x.txt", b"", "no ending of a dataset"),
    ("x.xpt", b"hello", "no SAS transport file"),
    ("x.json", b"{", "no Dataset-JSON"),
    ("x.json", b"[]", "is no object"),
    ("x.json", b'{"datasetJSONVersion": "1.1.0", "name": "X", "columns": []}', "has no rows"),
    (
        "x.json",
        json.dumps({"datasetJSONVersion": "1.0.0", "name": "X", "columns": [], "rows": [], "records": 0}).encode(),
        "version 1.1 is read",
    ),
    (
        "x.json",
        json.dumps(
            {"datasetJSONVersion": "1.1.0", "name": "X", "columns": [COLUMN], "rows": [[1]], "records": 2}
        ).encode(),
        "says 2 records and holds 1",
    ),
    (
        "x.json",
        json.dumps(
            {"datasetJSONVersion": "1.1.0", "name": "X", "columns": [COLUMN], "rows": [[1, 2]], "records": 1}
        ).encode(),
        "row 1 has not 1 values",
    ),
    ("x.json", json.dumps({**WHOLE, "columns": {"A": 1}}).encode(), "columns that are no list"),
    ("x.json", json.dumps({**WHOLE, "columns": [1]}).encode(), "columns that are no list of named"),
    ("x.json", json.dumps({**WHOLE, "columns": [COLUMN, COLUMN]}).encode(), "the column A more than once"),
    ("x.json", json.dumps({**WHOLE, "rows": None}).encode(), "rows that are no list"),
    ("x.json", json.dumps({**WHOLE, "rows": [None]}).encode(), "row 1 has not 1 values"),
    ("x.json", json.dumps({**WHOLE, "name": 7}).encode(), "a name that is no text"),
    ("x.parquet", b"hello", "no Parquet file"),
    ("x.csv", b"A\n\xff\n", "not UTF-8"),
    ("x.csv", b"A,B\n1,2\n1,2,3,4\n", "no table in CSV"),
    ("x.csv.gz", b"hello", "cannot be read"),
]


@pytest.mark.parametrize(("name", "content", "says"), BAD)
def test_a_bad_file_is_told_in_words(name: str, content: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DatasetError, match=says):
        read_dataset(tmp_path / name)


def test_a_missing_file_is_told_in_words(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="is not there"):
        read_dataset(tmp_path / "dm.xpt")


def test_the_variables_are_the_columns() -> None:
    with pytest.raises(ValueError, match="are not the columns"):
        Dataset("X", "", pl.DataFrame({"A": [1]}), (Variable("B"),))


def of_json(tmp_path: Path, kind: str, *values: Any, target: str | None = None) -> Any:
    """Read a dataset of one column of a type."""
    column = {**COLUMN, "dataType": kind} | ({"targetDataType": target} if target else {})
    document = {**WHOLE, "columns": [column], "rows": [[value] for value in values], "records": len(values)}
    (tmp_path / "x.json").write_text(json.dumps(document))
    return read_dataset(tmp_path / "x.json")


def test_numbers_as_the_world_writes_them(tmp_path: Path) -> None:
    """JSON Schema: 64.0 is an integer; empty text is what SAS has for missing."""
    found = of_json(tmp_path, "integer", 64.0, None, "", "12")
    assert found.frame["A"].to_list() == [64, None, None, 12] and found.variables[0].type == "integer"
    assert not found.findings


def test_moments_as_the_world_writes_them(tmp_path: Path) -> None:
    texts = ("2025-03-12T09:30:00Z", "2025-03-12T09:30", "2025-03-12T09:30:00.250", "2025-03-12T09:30:00+02:00", "")
    found = of_json(tmp_path, "datetime", *texts, target="integer")
    assert [m and m.isoformat(" ", "minutes") for m in found.frame["A"].to_list()] == ["2025-03-12 09:30"] * 4 + [None]
    assert not found.findings


@pytest.mark.parametrize(
    ("kind", "target", "bad"), [("integer", None, "a"), ("float", None, [1]), ("date", "integer", "12/3")]
)
def test_one_bad_value_costs_a_finding_and_that_value(kind: str, target: str | None, bad: Any, tmp_path: Path) -> None:
    good = "2025-03-12" if target else 5
    found = of_json(tmp_path, kind, good, bad, good, target=target)
    assert [value is None for value in found.frame["A"].to_list()] == [False, True, False]
    assert len(found.findings) == 1 and "in row 2" in found.findings[0].wrong


def test_a_bare_na_is_missing_and_a_quoted_one_is_text(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text('"A","B","C"\n"NA",1,"x,NA,y"\nNA,NA,NA\nNA,3,"z"\n')
    frame = read_dataset(tmp_path / "x.csv").frame
    assert frame["A"].to_list() == ["NA", None, None]
    assert frame["B"].to_list() == [1, None, 3] and frame["C"].to_list() == ["x,NA,y", None, "z"]
