"""The way in: the list of trials, log-in and log-out, the first password, one's own account."""

from __future__ import annotations

import hashlib
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from posology.web.accounts import AccountError, Accounts
from posology.web.guard import cookie_name, safe_next
from posology.web.passwords import setup_address
from posology.web.render import show
from posology.web.rooms import View
from posology.web.trial_pages import not_found


def home(request: Request) -> Response:
    """Show the trials that the person works on."""
    person = request.state.person
    if person is None:
        return show(request, "home.html", trials=[], trials_to_manage=[])
    views = [View(room, person) for room in request.app.state.rooms.all()]
    return show(
        request,
        "home.html",
        trials=[v for v in views if v.may_read],
        trials_to_manage=[v for v in views if v.may_manage and not v.may_read],
    )


def health(request: Request) -> Response:
    """Say that the room answers."""
    return Response("ok\n", media_type="text/plain")


def alone(request: Request) -> Response:
    """Let in the one person who works at this machine, by the key in the address."""
    settings = request.app.state.settings
    if settings.alone is None or request.path_params["key"] != settings.key:
        return not_found(request)
    answer = RedirectResponse("/", 303)
    _set_cookie(request, answer, hashlib.sha256(settings.key.encode()).hexdigest())
    return answer


def _set_cookie(request: Request, answer: Response, token: str) -> None:
    secure = request.url.scheme == "https"
    answer.set_cookie(cookie_name(secure), token, secure=secure, httponly=True, samesite="lax", path="/")


def log_in(request: Request) -> Response:
    """Log in."""
    accounts: Accounts | None = request.app.state.accounts
    goes_to = safe_next(request.query_params.get("next", "/"))
    if accounts is None:
        return show(request, "log_in.html", 403, problem="", account="", goes_to=goes_to, alone=True)
    if request.method != "POST":
        return show(request, "log_in.html", problem="", account="", goes_to=goes_to, alone=False)
    form = request.state.form
    account = form.get("account", "").strip()
    try:
        token = accounts.log_in(
            account, form.get("password", ""), form.get("code", ""), request.headers.get("user-agent", "")
        )
    except AccountError as error:
        return show(request, "log_in.html", 403, problem=str(error), account=account, goes_to=goes_to, alone=False)
    answer = RedirectResponse(goes_to, 303)
    _set_cookie(request, answer, token)
    return answer


def log_out(request: Request) -> Response:
    """Log out."""
    if request.state.person is not None and request.app.state.accounts is not None:
        request.app.state.accounts.log_out(request.state.person.token)
    answer = RedirectResponse("/", 303)
    answer.delete_cookie(cookie_name(request.url.scheme == "https"), path="/")
    answer.headers["clear-site-data"] = '"cache", "storage"'
    return answer


def password(request: Request) -> Response:
    """Set the password by the link that the administrator handed over."""
    accounts: Accounts | None = request.app.state.accounts
    token = request.path_params["token"]
    account = accounts.link_account(token) if accounts else None
    if accounts is None or account is None:
        return not_found(request, "This link holds no longer: ask the administrator for a new one.")
    if request.method != "POST":
        return show(request, "password.html", account=account, problem="")
    form = request.state.form
    problem = "the two are not the same" if form.get("password") != form.get("again") else ""
    if not problem:
        try:
            accounts.set_password(token, form.get("password", ""))
        except AccountError as error:
            problem = str(error)
    if problem:
        return show(request, "password.html", 400, account=account, problem=problem)
    return RedirectResponse(f"/log-in?next={quote('/account', safe='')}", 303)


def account(request: Request) -> Response:
    """Show one's own account: sessions, second factor, what was done to it."""
    accounts: Accounts | None = request.app.state.accounts
    person = request.state.person
    if accounts is None:
        return not_found(request)
    problem, form = "", request.state.form
    secret = form.get("secret") or accounts.new_factor()
    if request.method == "POST":
        if form.get("do") == "end":
            accounts.end_session(person.account, form.get("session", ""))
            return RedirectResponse("/account", 303)
        try:
            accounts.confirm(person.account, form.get("password", ""), act="second factor", need_code=False)
            accounts.set_factor(person.account, secret, form.get("code", ""))
            return RedirectResponse("/account", 303)
        except (AccountError, ValueError) as error:
            problem = str(error)
    return show(
        request,
        "account.html",
        400 if problem else 200,
        account=accounts.find(person.account),
        sessions=accounts.sessions_of(person.account),
        acts=accounts.acts(person.account)[:50],
        secret=secret,
        address=setup_address(secret, person.account),
        problem=problem,
    )
