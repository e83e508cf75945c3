"""Accounts, sessions and links: who somebody is. What they may do in a trial stands in the trial's record.

Kept in a file of their own beside the records, for passwords have no place in a record that is handed on. What was done
to an account is on a trail of its own, each act with the hash of the one before.
"""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import RLock

from posology.shared.text import unprintable
from posology.web.passwords import code_step, hashed, matches, new_secret, password_problem

__all__ = ["Account", "AccountError", "Accounts", "Session"]

IDLE, LONGEST = timedelta(minutes=30), timedelta(hours=12)
"""A session ends after so long without a page, and in any case."""
TRIES, LOCKED_FOR = 10, timedelta(minutes=15)
LINK_HOLDS = timedelta(days=7)
GENESIS = "0" * 64
TABLES = """
CREATE TABLE IF NOT EXISTS accounts (
    account TEXT PRIMARY KEY, name TEXT NOT NULL, administrator INTEGER NOT NULL, identity TEXT NOT NULL,
    hash TEXT, secret TEXT, step INTEGER NOT NULL DEFAULT 0, active INTEGER NOT NULL DEFAULT 1,
    failures INTEGER NOT NULL DEFAULT 0, locked_until TEXT NOT NULL DEFAULT '', created TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS sessions (
    token TEXT PRIMARY KEY, account TEXT NOT NULL, began TEXT NOT NULL, seen TEXT NOT NULL,
    signed INTEGER NOT NULL DEFAULT 0, browser TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS links (token TEXT PRIMARY KEY, account TEXT NOT NULL, until TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS posts (id TEXT PRIMARY KEY, account TEXT NOT NULL, location TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS acts (
    seq INTEGER PRIMARY KEY, at TEXT NOT NULL, account TEXT NOT NULL, act TEXT NOT NULL, by TEXT NOT NULL,
    hash TEXT NOT NULL);
"""


class AccountError(ValueError):
    """What is wrong with what was asked of an account, in words for the reader."""


@dataclass(frozen=True)
class Account:
    """One person's account."""

    account: str
    name: str
    administrator: bool
    has_password: bool
    has_factor: bool
    active: bool
    created: datetime


@dataclass(frozen=True)
class Session:
    """A log-in that goes on: of whom, since when, whether something was signed in it, with which browser."""

    account: str
    began: datetime
    seen: datetime
    signed: bool
    browser: str
    number: str


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


class Accounts:
    """The file of accounts. Safe to use from several threads."""

    def __init__(self, path: Path, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
        path.chmod(0o600)
        self._db.row_factory = sqlite3.Row
        self._db.executescript(TABLES)
        self._lock, self._clock = RLock(), clock

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _row(self, account: str) -> sqlite3.Row | None:
        with self._lock:
            row: sqlite3.Row | None = self._db.execute("SELECT * FROM accounts WHERE account = ?", [account]).fetchone()
        return row

    # Accounts ---------------------------------------------------------------------------------------------------------

    def all(self) -> list[Account]:
        """Return the accounts by name."""
        with self._lock:
            rows = self._db.execute("SELECT * FROM accounts ORDER BY account").fetchall()
        return [_account(row) for row in rows]

    def find(self, account: str) -> Account | None:
        """Return an account."""
        row = self._row(account)
        return _account(row) if row else None

    def create(self, account: str, name: str, *, identity: str, administrator: bool, by: str) -> str:
        """Make an account; return the token of a link by which its owner sets the password.

        Parameters
        ----------
        account, name
            how it is called, and the person's name. An account is never given to somebody else.
        identity
            how the person's identity was checked.
        administrator
            whether it may make accounts.
        by
            who makes it.

        Raises
        ------
        AccountError
            if there is one of that name, or a field is empty.
        """
        for what, text in (("account", account), ("name", name), ("how the identity was checked", identity)):
            if not text.strip() or unprintable(text):
                raise AccountError(f"{what} is empty or holds what cannot be seen")
        if not account.isascii() or not all(c.isalnum() or c in "._-" for c in account):
            raise AccountError(f"account is {account!r}: letters, digits, full stop, hyphen and underscore only")
        with self._change() as db:
            if db.execute("SELECT 1 FROM accounts WHERE lower(account) = lower(?)", [account]).fetchone():
                raise AccountError(f"there is an account {account} already: accounts are never given to another person")
            db.execute(
                "INSERT INTO accounts (account, name, administrator, identity, created) VALUES (?, ?, ?, ?, ?)",
                [account, name, administrator, identity, self._now()],
            )
            self._note(account, f"made for {name}{', administrator' if administrator else ''}; {identity}", by)
            return self._link(account, by)

    def new_link(self, account: str, *, by: str) -> str:
        """Return the token of a new link by which the owner sets the password; older ones hold no longer."""
        with self._change():
            return self._link(account, by)

    def _link(self, account: str, by: str) -> str:
        token = secrets.token_urlsafe(24)
        self._db.execute("DELETE FROM links WHERE account = ?", [account])
        self._db.execute(
            "INSERT INTO links VALUES (?, ?, ?)", [_digest(token), account, (self._clock() + LINK_HOLDS).isoformat()]
        )
        self._note(account, "link to set the password made", by)
        return token

    def link_account(self, token: str) -> str | None:
        """Return whose password a link sets; None if it holds no longer."""
        with self._lock:
            row = self._db.execute("SELECT account, until FROM links WHERE token = ?", [_digest(token)]).fetchone()
        return None if row is None or row["until"] < self._now() else str(row["account"])

    def set_password(self, token: str, password: str) -> str:
        """Set the password by a link, which then holds no longer; return the account.

        Raises
        ------
        AccountError
            if the link holds no longer, or the password is too easy.
        """
        account = self.link_account(token)
        if account is None:
            raise AccountError("this link holds no longer: ask the administrator for a new one")
        problem = password_problem(password, account)
        if problem:
            raise AccountError(problem)
        made = hashed(password)
        with self._change() as db:
            db.execute(
                "UPDATE accounts SET hash = ?, failures = 0, locked_until = '' WHERE account = ?", [made, account]
            )
            db.execute("DELETE FROM links WHERE account = ?", [account])
            db.execute("DELETE FROM sessions WHERE account = ?", [account])
            self._note(account, "password set; its sessions ended", account)
        return account

    def set_active(self, account: str, active: bool, *, by: str) -> None:
        """Switch an account off, which ends its sessions, or on again.

        Raises
        ------
        AccountError
            if it is the last administrator's.
        """
        with self._change() as db:
            others = db.execute(
                "SELECT count(*) FROM accounts WHERE administrator AND active AND account <> ?", [account]
            ).fetchone()[0]
            row = db.execute("SELECT administrator FROM accounts WHERE account = ?", [account]).fetchone()
            if row is None:
                raise AccountError(f"there is no account {account}")
            if row["administrator"] and not active and not others:
                raise AccountError(f"{account} is the only administrator: make another first")
            db.execute("UPDATE accounts SET active = ? WHERE account = ?", [active, account])
            db.execute("DELETE FROM sessions WHERE account = ?", [account])
            self._note(account, "switched on" if active else "switched off; its sessions ended", by)

    # Sessions ---------------------------------------------------------------------------------------------------------

    def log_in(self, account: str, password: str, code: str = "", browser: str = "") -> str:
        """Begin a session; return its token.

        Raises
        ------
        AccountError
            if the account, the password or the code is wrong (it is not said which), or the account is locked.
        """
        self.confirm(account, password, code, act="log-in")
        token = secrets.token_urlsafe(32)
        with self._change() as db:
            now = self._now()
            db.execute(
                "INSERT INTO sessions VALUES (?, ?, ?, ?, 0, ?)", [_digest(token), account, now, now, browser[:200]]
            )
            self._note(account, "logged in", account)
        return token

    def confirm(self, account: str, password: str, code: str = "", *, act: str, need_code: bool = True) -> None:
        """Check that it is the account's owner: the password and, if there is a second factor, a code of it.

        Raises
        ------
        AccountError
            if not; after ten tries the account is locked for a quarter of an hour.
        """
        row = self._row(account)
        if row is not None and row["locked_until"] > self._now():
            raise AccountError(f"locked after {TRIES} wrong tries, until {row['locked_until'][11:16]} UTC")
        right = matches(password, row["hash"] if row else None) and row is not None and bool(row["active"])
        step = 0
        if right and row is not None and row["secret"] and need_code:
            step = code_step(row["secret"], code, row["step"], self._clock().timestamp()) or 0
            right = step > 0
        if not right:
            self._failed(row, act)
            raise AccountError("account, password or code is wrong")
        with self._change() as db:
            db.execute(
                "UPDATE accounts SET failures = 0, locked_until = '', step = max(step, ?) WHERE account = ?",
                [step, account],
            )

    def _failed(self, row: sqlite3.Row | None, act: str) -> None:
        """Note a wrong try, and lock the account after too many."""
        if row is None:
            return
        with self._change() as db:
            failures = row["failures"] + 1
            until = (self._clock() + LOCKED_FOR).isoformat() if failures >= TRIES else ""
            db.execute(
                "UPDATE accounts SET failures = ?, locked_until = ? WHERE account = ?",
                [0 if until else failures, until, row["account"]],
            )
            locked = "; locked" if until else ""
            self._note(row["account"], f"wrong try, {act}{locked}", row["account"])

    def session(self, token: str) -> Session | None:
        """Return the session of a token, and note that it was used; None if it has ended."""
        with self._change() as db:
            row = db.execute(
                "SELECT s.*, a.active FROM sessions s JOIN accounts a USING (account) WHERE token = ?", [_digest(token)]
            ).fetchone()
            if row is None:
                return None
            now, session = self._clock(), _session(row)
            if not row["active"] or now - session.seen > IDLE or now - session.began > LONGEST:
                db.execute("DELETE FROM sessions WHERE token = ?", [row["token"]])
                self._note(session.account, "session ended by time", session.account)
                return None
            db.execute("UPDATE sessions SET seen = ? WHERE token = ?", [now.isoformat(), row["token"]])
        return session

    def sessions_of(self, account: str) -> list[Session]:
        """Return the sessions of an account."""
        with self._lock:
            rows = self._db.execute("SELECT * FROM sessions WHERE account = ? ORDER BY began", [account]).fetchall()
        return [_session(row) for row in rows]

    def note_signed(self, token: str) -> None:
        """Note that both components were given to sign in this session."""
        with self._change() as db:
            db.execute("UPDATE sessions SET signed = 1 WHERE token = ?", [_digest(token)])

    def log_out(self, token: str) -> None:
        """End a session."""
        with self._change() as db:
            row = db.execute("SELECT account FROM sessions WHERE token = ?", [_digest(token)]).fetchone()
            if row:
                db.execute("DELETE FROM sessions WHERE token = ?", [_digest(token)])
                self._note(row["account"], "logged out", row["account"])

    def end_session(self, account: str, number: str) -> None:
        """End one session of an account, by its number in the list."""
        with self._change() as db:
            ended = db.execute("DELETE FROM sessions WHERE account = ? AND substr(token, 1, 12) = ?", [account, number])
            if ended.rowcount:
                self._note(account, "session ended from the list", account)

    # Second factor ----------------------------------------------------------------------------------------------------

    def new_factor(self) -> str:
        """Return a new secret, to be confirmed by a code before it counts."""
        return new_secret()

    def set_factor(self, account: str, secret: str, code: str) -> None:
        """Make a secret the account's second factor, once a code shows that its owner has it.

        Raises
        ------
        AccountError
            if the code is wrong.
        """
        step = code_step(secret, code, now=self._clock().timestamp())
        if step is None:
            raise AccountError("this is not the code of now: look at the clock of the device")
        with self._change() as db:
            db.execute("UPDATE accounts SET secret = ?, step = ? WHERE account = ?", [secret, step, account])
            self._note(account, "second factor set", account)

    def remove_factor(self, account: str, *, by: str) -> None:
        """Take the second factor off: the device is lost."""
        with self._change() as db:
            db.execute("UPDATE accounts SET secret = NULL WHERE account = ?", [account])
            db.execute("DELETE FROM sessions WHERE account = ?", [account])
            self._note(account, "second factor taken off; its sessions ended", by)

    # Forms sent twice, and the trail ----------------------------------------------------------------------------------

    def answered(self, form: str, account: str) -> str | None:
        """Return where a form that was sent before led; None if it is new."""
        with self._lock:
            row = self._db.execute(
                "SELECT location FROM posts WHERE id = ? AND account = ?", [form, account]
            ).fetchone()
        return str(row["location"]) if row else None

    def note_answer(self, form: str, account: str, location: str) -> None:
        """Note where a form led."""
        with self._change() as db:
            db.execute("INSERT OR IGNORE INTO posts VALUES (?, ?, ?)", [form, account, location])

    def acts(self, account: str | None = None) -> list[sqlite3.Row]:
        """Return what was done to accounts, newest first."""
        where, values = ("WHERE account = ?", [account]) if account else ("", [])
        with self._lock:
            return self._db.execute(f"SELECT * FROM acts {where} ORDER BY seq DESC LIMIT 1000", values).fetchall()

    def trail_is_sound(self) -> bool:
        """Whether no act was changed or dropped."""
        last = GENESIS
        with self._lock:
            rows = self._db.execute("SELECT * FROM acts ORDER BY seq").fetchall()
        for number, row in enumerate(rows, 1):
            last = _digest("\n".join([last, row["at"], row["account"], row["act"], row["by"]]))
            if row["hash"] != last or row["seq"] != number:
                return False
        return True

    def _note(self, account: str, act: str, by: str) -> None:
        last = self._db.execute("SELECT seq, hash FROM acts ORDER BY seq DESC LIMIT 1").fetchone()
        at, seq, before = self._now(), (last["seq"] + 1 if last else 1), (last["hash"] if last else GENESIS)
        digest = _digest("\n".join([before, at, account, act, by]))
        self._db.execute("INSERT INTO acts VALUES (?, ?, ?, ?, ?, ?)", [seq, at, account, act, by, digest])

    def _now(self) -> str:
        return self._clock().isoformat()


def _account(row: sqlite3.Row) -> Account:
    return Account(
        row["account"],
        row["name"],
        bool(row["administrator"]),
        row["hash"] is not None,
        row["secret"] is not None,
        bool(row["active"]),
        datetime.fromisoformat(row["created"]),
    )


def _session(row: sqlite3.Row) -> Session:
    began, seen = datetime.fromisoformat(row["began"]), datetime.fromisoformat(row["seen"])
    return Session(row["account"], began, seen, bool(row["signed"]), row["browser"], row["token"][:12])
