from __future__ import annotations

import json

import pytest
from cryptography.fernet import Fernet

from firstpass.errors import FirstpassError
from firstpass.stack.secrets import load_secrets, make_secrets, passwords_file


def test_secrets_are_drawn_once(where):
    first = make_secrets(where)
    assert make_secrets(where) == first == load_secrets(where)


def test_two_stacks_have_different_ones(where):
    first = make_secrets(where)
    (where.var / "secrets.json").unlink()
    second = make_secrets(where)
    for name in ("fernet_key", "jwt_secret", "api_secret_key", "admin_password"):
        assert getattr(first, name) != getattr(second, name)


def test_their_files_are_for_their_owner_alone(where):
    make_secrets(where)
    for path in (where.var / "secrets.json", passwords_file(where)):
        assert path.stat().st_mode & 0o777 == 0o600


def test_they_are_what_airflow_takes(where):
    drawn = make_secrets(where)
    Fernet(drawn.fernet_key)
    assert json.loads(passwords_file(where).read_text()) == {"admin": drawn.admin_password}
    assert len(drawn.jwt_secret) >= 48


def test_they_are_not_shown_by_accident(where):
    drawn = make_secrets(where)
    assert repr(drawn) == "Secrets()"


@pytest.mark.parametrize("text", ["", "{", '{"fernet_key": "x"}', "[]"])
def test_a_damaged_file_says_what_to_do(where, text):
    (where.var / "secrets.json").write_text(text)
    with pytest.raises(FirstpassError, match=r"secrets\.json") as error:
        make_secrets(where)
    assert "firstpass down" in error.value.fix


def test_other_peoples_passwords_stay(where):
    drawn = make_secrets(where)
    passwords_file(where).write_text(json.dumps({"ada": "hers", "admin": "forgotten"}))
    passwords_file(where).chmod(0o600)
    make_secrets(where)
    assert json.loads(passwords_file(where).read_text()) == {"ada": "hers", "admin": drawn.admin_password}
    assert passwords_file(where).stat().st_mode & 0o777 == 0o600


def test_an_empty_passwords_file_holds_nobodys(where):
    """As Airflow leaves one that it was about to write."""
    passwords_file(where).touch()
    drawn = make_secrets(where)
    assert json.loads(passwords_file(where).read_text()) == {"admin": drawn.admin_password}


@pytest.mark.parametrize("text", ["{", "[]", '"admin"'])
def test_a_damaged_passwords_file_is_not_written_over(where, text):
    passwords_file(where).write_text(text)
    with pytest.raises(FirstpassError, match=r"passwords\.json is damaged"):
        make_secrets(where)
    assert passwords_file(where).read_text() == text
