"""Opening the trial room: the pages on which a committee, its sites and its statistician run a trial together."""

from __future__ import annotations

import errno
import secrets
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from posology.cli._options import number
from posology.cli._output import console

app = typer.Typer(no_args_is_help=False)
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@app.command("serve")
def serve(
    trials: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TRIAL]...",
            help="Records to open, each a file or a PostgreSQL address (else IMGN853, the example).",
        ),
    ] = None,
    folder: Annotated[
        Path,
        typer.Option("--folder", metavar="DIR", help="The folder of the accounts, and of the example's record."),
    ] = Path("posology-room"),
    host: Annotated[
        str, typer.Option("--host", metavar="NAME", help="The address that the room listens at.")
    ] = "127.0.0.1",
    port: Annotated[int, number("--port", "The port that it listens at", least=1, most=65_535)] = 8642,
    name: Annotated[
        list[str] | None,
        typer.Option(
            "--name",
            metavar="NAME",
            help="Another name that it answers to, behind a proxy (else --host alone); may be given again.",
        ),
    ] = None,
    alone: Annotated[
        bool,
        typer.Option(
            "--alone", help="Open it for you alone at this machine, without accounts: the address is the key."
        ),
    ] = False,
) -> None:
    """Open the trial room in a browser: work list, lanes, decisions and signatures, patients, entry, trail, explorer.

    At the first start it prints the address at which the administrator's account is made; with --alone, your own.

    Example: posology serve --alone

    Example: posology serve mytrial.posology --folder room --port 8080
    """
    import uvicorn

    from posology.cli.demo import replay_example
    from posology.conduct.trial import current_user
    from posology.web.app import create_app
    from posology.web.settings import RoomSettings

    if alone and host not in LOOPBACK:
        raise ValueError(f"--alone is for this machine: leave --host out (it is {host})")
    with _listener(host, port) as listener:
        folder.mkdir(parents=True, exist_ok=True)
        if not trials:
            trials = [str(folder / "imgn853.posology")]
            if not Path(trials[0]).exists():
                with console().status("replaying the example's record"):
                    replay_example(folder / "imgn853.posology")
        key = secrets.token_urlsafe(24)
        hosts = (*RoomSettings.hosts, host, *(name or ()))
        room = create_app(RoomSettings(folder, tuple(trials), current_user() if alone else None, key, hosts))
        address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        if alone:
            print(f"open {address}/alone/{key}", flush=True)
        else:
            print(f"the room is at {address}", flush=True)
            accounts = room.state.accounts
            if not any(account.administrator for account in accounts.all()):
                token = accounts.create(
                    "administrator", "Administrator", identity="first start", administrator=True, by="posology serve"
                )
                print(f"no account yet: set the administrator's password at {address}/password/{token}", flush=True)
        settings = uvicorn.Config(room, log_level="warning", server_header=False, proxy_headers=True)
        uvicorn.Server(settings).run(sockets=[listener])


def _listener(host: str, port: int) -> socket.socket:
    """Take the port before an address is printed that another program would answer.

    Raises
    ------
    ValueError
        if the port is taken or may not be used, or the address is none of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with ExitStack() as opened:
            listener = opened.enter_context(socket.socket(family, kind, protocol))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            opened.pop_all()
    except OSError as error:
        right = "choose another --port" if error.errno in (errno.EADDRINUSE, errno.EACCES) else "choose another --host"
        raise ValueError(f"the room cannot listen at {host}, port {port}: {error.strerror}; {right}") from None
    return listener
