"""What a trial room is opened with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from posology.conduct.trial import now

__all__ = ["RoomSettings"]


@dataclass(frozen=True)
class RoomSettings:
    """What a trial room is opened with.

    ``folder`` holds the accounts; ``trials`` are records, each a file or a PostgreSQL address; ``alone`` the name of
    the one person who works without an account, on this machine; ``key`` what that person's address carries;
    ``hosts`` the names under which the room answers.
    """

    folder: Path
    trials: tuple[str, ...]
    alone: str | None = None
    key: str = ""
    hosts: tuple[str, ...] = ("127.0.0.1", "localhost", "[::1]", "testserver")
    clock: Callable[[], datetime] = field(default=now)
