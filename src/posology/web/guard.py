"""What stands before every page: hosts, origins, bodies of bounded size, sessions, and the headers of every answer."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from posology.web.accounts import Accounts
from posology.web.rooms import Person
from posology.web.settings import RoomSettings

__all__ = ["COOKIE", "Guard", "cookie_name", "safe_next"]

MOST_BYTES, MOST_FIELDS = 256_000, 400
COOKIE = "posology"
OPEN = ("/health", "/static/", "/explorer", "/log-in", "/password/", "/alone/")
"""Addresses that answer without a log-in."""
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "x-robots-tag": "noindex",
}


def cookie_name(secure: bool) -> str:
    """Return the cookie's name: bound to the host where the connection is encrypted."""
    return f"__Host-{COOKIE}" if secure else COOKIE


def safe_next(address: str) -> str:
    """Return an address of this room to go on to; any other leads to the beginning.

    >>> safe_next("/t/imgn853/room?x=1"), safe_next("//evil.example"), safe_next("https://evil.example/")
    ('/t/imgn853/room?x=1', '/', '/')
    """
    parts = urlsplit(address.replace("\\", "/"))
    local = address.startswith("/") and not address.startswith(("//", "/\\"))
    return address if local and not parts.scheme and not parts.netloc and address.isprintable() else "/"


class Guard:
    """The checks before each page, and the headers after it."""

    def __init__(self, app: ASGIApp, accounts: Accounts | None, settings: RoomSettings) -> None:
        self.app, self.accounts, self.settings = app, accounts, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        sending = _with_headers(send, static=scope["path"].startswith("/static/"), secure=scope["scheme"] == "https")
        refused = await self._refused(request)
        if refused is not None:
            await refused(scope, receive, sending)
            return
        await self.app(scope, receive, sending)

    async def _refused(self, request: Request) -> Response | None:
        """Return the answer to a request that does not get further."""
        state = request.scope.setdefault("state", {})
        state["person"], state["form"] = None, {}
        host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
        if host not in {h.strip("[]") for h in self.settings.hosts}:
            return PlainTextResponse("this room does not answer under that name", 400)
        state["person"] = person = self._person(request)
        if request.method == "POST":
            problem = await self._posted(request, person)
            if problem:
                return PlainTextResponse(problem, 403 if problem.startswith("refused") else 400)
        elif request.method not in ("GET", "HEAD"):
            return PlainTextResponse("only GET, HEAD and POST", 405)
        path = request.scope["path"]
        if person is None and path != "/" and not path.startswith(OPEN):
            query = f"?{request.url.query}" if request.url.query else ""
            return RedirectResponse(f"/log-in?next={quote(path + query, safe='')}", 303)
        return None

    def _person(self, request: Request) -> Person | None:
        """Return who asks, by the cookie."""
        token = request.cookies.get(cookie_name(request.scope["scheme"] == "https"), "")
        if not token or len(token) > 100:
            return None
        csrf = hashlib.sha256(f"form {token}".encode()).hexdigest()
        if self.settings.alone is not None:
            if token != hashlib.sha256(self.settings.key.encode()).hexdigest():
                return None
            return Person(self.settings.alone, self.settings.alone, alone=True, token=token, csrf=csrf, signed=True)
        session = self.accounts.session(token) if self.accounts else None
        account = self.accounts.find(session.account) if self.accounts and session else None
        if session is None or account is None:
            return None
        return Person(
            account.account,
            account.name,
            account.administrator,
            token=token,
            csrf=csrf,
            signed=session.signed,
            has_factor=account.has_factor,
        )

    async def _posted(self, request: Request, person: Person | None) -> str | None:
        """Read the body of a form; say what is wrong with it or where it comes from."""
        origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
        own = f"{request.scope['scheme']}://{request.headers.get('host', '')}"
        if origin is not None and origin != own:
            return "refused: this form comes from another site"
        if (origin is None and site is None) or site not in (None, "same-origin", "none"):
            return "refused: it cannot be told where this form comes from"
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
            return "a form is sent as application/x-www-form-urlencoded"
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > MOST_BYTES:
                return f"this form is larger than {MOST_BYTES // 1000} kB"
        try:
            pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
        except (ValueError, UnicodeError):
            return "this form cannot be read"
        form: dict[str, str] = {}
        for name, value in pairs:
            if name in form:
                return "this form gives a field twice"
            form[name] = value.replace("\r\n", "\n")
        if person is not None and form.get("csrf") != person.csrf:
            return "refused: this form is of an older session: go back, load the page again"
        request.scope["state"]["form"] = form
        return None


def _with_headers(send: Send, *, static: bool, secure: bool) -> Callable[[Message], Any]:
    """Return a sender that adds the headers of every answer."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", ()))
            extra = HEADERS | {"cache-control": "no-cache" if static else "no-store"}
            if secure:
                extra["strict-transport-security"] = "max-age=31536000; includeSubDomains"
            present = {name for name, _ in headers}
            headers += [(n.encode(), v.encode()) for n, v in extra.items() if n.encode() not in present]
            message = {**message, "headers": headers}
        await send(message)

    return sending
