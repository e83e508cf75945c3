"""People and sites of a trial, and the accounts of the room."""

from __future__ import annotations

from typing import get_args

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from posology.conduct.people_rules import RIGHTS, open_sites, people
from posology.record.people import AccessGranted, AccessWithdrawn, Role, SiteClosed, SiteReleased
from posology.web.accounts import AccountError, Accounts
from posology.web.render import show
from posology.web.rooms import View
from posology.web.trial_pages import in_trial, not_found

KINDS_HERE = (SiteReleased, SiteClosed, AccessGranted, AccessWithdrawn)


@in_trial(lambda view: view.may_manage or (view.may_read and view.site is None))
def trial_people(request: Request, view: View) -> Response:
    """Show who may do what in the trial, and its sites."""
    kinds = [k for k in KINDS_HERE if view.may_record(k) or (view.may_manage and k is AccessGranted)]
    return show(
        request,
        "people.html",
        view=view,
        people=people(view.state),
        sites=open_sites(view.state),
        acts=[e for e in reversed(view.room.trial.events()) if isinstance(e.fact, KINDS_HERE)],
        kinds=kinds,
        rights={role: sorted(k.kind.replace("_", " ") for k in RIGHTS[role]) for role in get_args(Role)},
        author=view.author,
    )


def accounts(request: Request) -> Response:
    """Show the room's accounts; make one, switch one off: for administrators."""
    store: Accounts | None = request.app.state.accounts
    person = request.state.person
    if store is None or not person.administrator:
        return not_found(request)
    form, problem, link = request.state.form, "", ""
    if request.method == "POST":
        try:
            link = _managed(request, store, form, person.account)
            if not link:
                return RedirectResponse("/accounts", 303)
        except AccountError as error:
            problem = str(error)
    return show(
        request,
        "accounts.html",
        400 if problem else 200,
        accounts=store.all(),
        acts=store.acts()[:200],
        sound=store.trail_is_sound(),
        problem=problem,
        link=link,
        form=form,
    )


def _managed(request: Request, store: Accounts, form: dict[str, str], by: str) -> str:
    """Do what an administrator asked for; return the address of a link to hand over, if one was made."""
    account = form.get("account", "").strip()
    match form.get("do"):
        case "create":
            token = store.create(
                account,
                form.get("name", "").strip(),
                identity=form.get("identity", "").strip(),
                administrator=form.get("administrator") == "yes",
                by=by,
            )
        case "link":
            token = store.new_link(account, by=by)
        case "off" | "on" as which:
            store.set_active(account, which == "on", by=by)
            return ""
        case "factor":
            store.remove_factor(account, by=by)
            return ""
        case _:
            raise AccountError("there is no such act")
    return f"{request.url.scheme}://{request.headers['host']}/password/{token}"
