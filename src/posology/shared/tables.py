"""Results as tables: they print, show themselves in a notebook, become polars or pandas frames, and are drawn."""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import altair
    import pandas
    import polars

NUMBER = re.compile(r"[+-]?\d+(\.\d+)?(e[+-]?\d+)?")


def significant(value: float) -> str:
    """Write a number to three digits; from a thousand to a million without a power of ten.

    >>> significant(1136.2), significant(0.05174), significant(20.0), significant(4e5), significant(2e-9)
    ('1,140', '0.0517', '20', '400,000', '2e-09')
    """
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.0f}" if 1e3 <= abs(rounded) < 1e7 else f"{value:.3g}"


def spreadsheet_text(text: str) -> str:
    """Return a cell of a table that people open in a spreadsheet: what it would take for a formula stays text.

    A text that begins with =, +, -, @ or a control character gets an apostrophe before it; a number stays a number.

    >>> spreadsheet_text("=HYPERLINK(1)"), spreadsheet_text("-12.5"), spreadsheet_text("+3e-4"), spreadsheet_text("- none")
    ("'=HYPERLINK(1)", '-12.5', '+3e-4', "'- none")
    """
    if text.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) and not NUMBER.fullmatch(text):
        return f"'{text}"
    return text


@dataclass(frozen=True)
class Table:
    """A table: columns of equal length.

    Parameters
    ----------
    title
        what the table shows.
    columns
        the values of each column, by its name.

    Examples
    --------
    >>> print(Table("Two levels", {"level": [1, 2], "selected": [0.25, 0.75]}))
    Two levels
    level  selected
        1    0.2500
        2    0.7500
    """

    title: str
    columns: Mapping[str, Sequence[Any]]

    def __post_init__(self) -> None:
        sizes = {name: len(values) for name, values in self.columns.items()}
        if len(set(sizes.values())) > 1:
            raise ValueError(f"every column needs the same length: {sizes}")

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def rows(self) -> list[dict[str, Any]]:
        """Return a mapping for each row."""
        return [dict(zip(self.columns, values, strict=True)) for values in zip(*self.columns.values(), strict=True)]

    def __str__(self) -> str:
        cells = [list(self.columns), *([_text(v) for v in row.values()] for row in self.rows())]
        widths = [max(len(row[k]) for row in cells) for k in range(len(self.columns))]
        lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in cells]
        return "\n".join([self.title, *lines])

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{html.escape(name)}</th>" for name in self.columns)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(_text(v))}</td>" for v in row.values()) + "</tr>" for row in self.rows()
        )
        return f"<table><caption>{html.escape(self.title)}</caption><tr>{head}</tr>{body}</table>"

    def to_csv(self) -> str:
        """Return the table as CSV, numbers in full; a text that a spreadsheet would take for a formula stays text."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")

        def shown(value: Any) -> Any:
            return spreadsheet_text(value) if isinstance(value, str) else value

        writer.writerow(map(shown, self.columns))
        writer.writerows(map(shown, row) for row in zip(*self.columns.values(), strict=True))
        return out.getvalue()

    def to_polars(self) -> polars.DataFrame:
        """Return a polars frame; polars must be installed."""
        import polars

        return polars.DataFrame({name: list(values) for name, values in self.columns.items()})

    def to_pandas(self) -> pandas.DataFrame:
        """Return a pandas frame; pandas must be installed."""
        import pandas

        return pandas.DataFrame({name: list(values) for name, values in self.columns.items()})

    def plot(self, x: str, y: str, by: str | None = None) -> altair.Chart:
        """Return bars of one column over another, side by side for each value of a third, told apart by place and
        colour."""
        import altair as alt

        from posology.shared.charts import styled

        values = [{k: v for k, v in row.items() if k in (x, y, by)} for row in self.rows()]
        chart: altair.Chart = (
            alt.Chart(alt.Data(values=values)).mark_bar().encode(x=alt.X(f"{x}:O", title=x), y=alt.Y(f"{y}:Q", title=y))
        )
        if by:
            chart = chart.encode(xOffset=alt.XOffset(f"{by}:N"), color=alt.Color(f"{by}:N", title=by))
        drawn: altair.Chart = styled(chart.properties(title=self.title, width=420, height=260))
        return drawn


def _text(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: ""}[value]
    return f"{value:.4f}" if isinstance(value, float) else str(value)
