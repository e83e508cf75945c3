"""A document as a list of blocks, and its two printings: a page that stands alone, and Word."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from markupsafe import escape

from posology.shared.charts import png, svg

if TYPE_CHECKING:
    import altair

STYLE = """
body { font: 16px/1.5 "DejaVu Sans", "Liberation Sans", Arial, sans-serif; color: #243b53; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2 { line-height: 1.2; } h2 { margin-top: 2rem; border-bottom: 1px solid #d9e2ec; padding-bottom: .2rem; }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; } caption { text-align: left; font-weight: 600; padding: .3rem 0; }
th, td { border: 1px solid #bcccdc; padding: .2rem .6rem; text-align: right; } th:first-child, td:first-child { text-align: left; }
thead th { background: #f0f4f8; } figure { margin: 1rem 0; } figcaption { font-size: .9rem; } li { margin: .3rem 0; }
"""


@dataclass(frozen=True)
class Heading:
    """A heading."""

    text: str


@dataclass(frozen=True)
class Paragraph:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class NumberedList:
    """A numbered list, such as references."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class TableBlock:
    """A table as it is read: a caption, heads, and rows of text."""

    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class ChartBlock:
    """An altair chart with its caption, which says all that its colours do."""

    caption: str
    chart: altair.TopLevelMixin


Block = Heading | Paragraph | NumberedList | TableBlock | ChartBlock


def html(title: str, blocks: Sequence[Block]) -> str:
    """Return the document as one page, its pictures inside.

    >>> "<h2>Design</h2>" in html("Statistics", [Heading("Design")])
    True
    """
    body = "\n".join(_html(block) for block in blocks)
    return (
        '<!doctype html>\n<html lang="en">\n<head><meta'
        f' charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style></head>\n'
        f"<body>\n<h1>{escape(title)}</h1>\n{body}\n</body>\n</html>\n"
    )


def _html(block: Block) -> str:
    match block:
        case Heading(text):
            return f"<h2>{escape(text)}</h2>"
        case Paragraph(text):
            return f"<p>{escape(text)}</p>"
        case NumberedList(items):
            return "<ol>" + "".join(f"<li>{escape(item)}</li>" for item in items) + "</ol>"
        case TableBlock(caption, heads, rows):

            def line(tag: str, cells: Iterable[str]) -> str:
                return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

            body = "".join(line("td", row) for row in rows)
            return f"<table><caption>{escape(caption)}</caption><thead>{line('th', heads)}</thead><tbody>{body}</tbody></table>"
        case ChartBlock(caption, chart):
            return f"<figure>{svg(chart)}<figcaption>{escape(caption)}</figcaption></figure>"


def docx(title: str, blocks: Sequence[Block]) -> bytes:
    """Return the document in Word's format (docx)."""
    from docx import Document
    from docx.shared import Cm, Pt

    document: Any = Document()
    document.styles["Normal"].font.size = Pt(10.5)
    document.add_heading(title, level=0)
    for block in blocks:
        match block:
            case Heading(text):
                document.add_heading(text, level=1)
            case Paragraph(text):
                document.add_paragraph(text)
            case NumberedList(items):
                for item in items:
                    document.add_paragraph(item, style="List Number")
            case TableBlock(caption, heads, rows):
                _add_table(document, caption, heads, rows)
            case ChartBlock(caption, chart):
                document.add_picture(io.BytesIO(png(chart)), width=Cm(15.5))
                document.add_paragraph(caption)
    written = io.BytesIO()
    document.save(written)
    return written.getvalue()


def _add_table(document: Any, caption: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from docx.shared import Pt

    document.add_paragraph().add_run(caption).bold = True
    table = document.add_table(rows=1, cols=len(heads), style="Light Grid Accent 1")
    for cell, head in zip(table.rows[0].cells, heads, strict=True):
        cell.text = head
    for row in rows:
        for cell, value in zip(table.add_row().cells, row, strict=True):
            cell.text = value
    for row in table.rows:
        for cell in row.cells:
            for paragraph in cell.paragraphs:
                for run in paragraph.runs:
                    run.font.size = Pt(8.5)
    document.add_paragraph()
