from __future__ import annotations

import os
import socket

import pytest

from firstpass.errors import FirstpassError
from firstpass.settings import settings
from firstpass.stack import readiness


@pytest.fixture
def port(home, monkeypatch):
    """A port that somebody listens on; the stack is told to use it."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        number = listener.getsockname()[1]
        monkeypatch.setenv("FIRSTPASS_PORT", str(number))
        settings.cache_clear()
        yield number


def test_a_taken_port_is_named_with_who_has_it_and_how_to_choose_another(port):
    with pytest.raises(FirstpassError, match=rf"port {port} .* by process {os.getpid()} ") as error:
        readiness.check_port()
    assert "FIRSTPASS_PORT" in error.value.fix


def test_a_free_port_is_fine(home, monkeypatch):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        monkeypatch.setenv("FIRSTPASS_PORT", str(probe.getsockname()[1]))
    settings.cache_clear()
    readiness.check_port()


def test_nothing_that_answers_is_not_healthy(home, monkeypatch):
    monkeypatch.setenv("FIRSTPASS_PORT", "1")
    settings.cache_clear()
    assert not readiness.healthy()
