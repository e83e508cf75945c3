"""The command that opens the trial room."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from posology.cli.serve import serve


def test_a_port_that_is_taken_is_a_message_before_an_address_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ValueError, match=f"port {port}: Address already in use; choose another --port"):
            serve(None, folder=tmp_path / "room", port=port, alone=True)
    assert "http" not in capsys.readouterr().out
    assert not (tmp_path / "room").exists()


def test_an_address_of_no_machine_is_a_message(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot listen at 192.0.2.1, port 8642: .*choose another --host"):
        serve(None, folder=tmp_path / "room", host="192.0.2.1")
