"""A record in PostgreSQL: the connection, what it is asked of before it is trusted, and its words for the
statements."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from posology.record import event
from posology.record.errors import StoreError

CONTENT = f"""convert_to('{event.content_of("coalesce(to_json({})::text, 'null')", "{}")}', 'UTF8')"""
"""An event's content, as :meth:`posology.record.event.StoredEvent.content` writes it."""


def connect(url: str) -> Any:
    """Connect to a server.

    Raises
    ------
    StoreError
        if it cannot be reached, or does not keep what it acknowledges.
    """
    try:
        import psycopg
    except ImportError:
        raise StoreError("PostgreSQL needs one more package: pip install 'posology[postgresql]'") from None
    try:
        connection = psycopg.connect(url)
    except psycopg.OperationalError as error:
        raise StoreError(f"cannot reach the database: {str(error).strip()}") from None
    fsync, commit = connection.execute(
        "SELECT current_setting('fsync'), current_setting('synchronous_commit')"
    ).fetchone() or ("", "")
    if fsync == "off":
        connection.close()
        raise StoreError("the database runs with fsync = off: what it acknowledges is not on disk. Turn fsync on")
    if commit in ("off", "local"):
        connection.execute("SET synchronous_commit = on")
    connection.commit()
    return connection


def statement(text: str) -> str:
    """Return a statement with this driver's placeholders."""
    return text.replace("%", "%%").replace("?", "%s")


def begin(connection: Any) -> None:
    """Begin to write; the driver opens the transaction with the first statement."""


def begin_reading(connection: Any) -> None:
    """Begin to read all as it stands at one moment."""
    connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


@contextmanager
def writing(connection: Any) -> Iterator[None]:
    """Nothing more to hold while writing: the server sees to it."""
    yield
