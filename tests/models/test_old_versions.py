from __future__ import annotations

import pytest

from firstpass.contracts.class_table import ClassTable
from firstpass.contracts.model_version import ModelVersion
from firstpass.errors import FirstpassError
from firstpass.models import store
from firstpass.models.old_versions import superfluous
from firstpass.models.workspace import staging
from firstpass.settings import settings


@pytest.fixture
def put(store_folder, tmp_path):
    """Store a version, decided on that day."""

    def put(name: str, day: int, admitted: bool = True) -> str:
        version = ModelVersion(
            name=name,
            version=f"{day:012}",
            kind="mask_rcnn",
            files=(),
            classes=ClassTable(()),
            source="here",
            decided_at=f"2026-01-{day:02}T00:00:00.000+00:00",
            admitted=admitted,
            threshold=0.5,
        )
        with staging() as staged:
            store.put(staged, version)
        return version.ref

    return put


def going(keep, in_use=(), name=None) -> list[str]:
    return [version.ref for version in superfluous(keep, set(in_use), name)]


def test_the_newest_of_each_model_stay(put):
    cats, dogs = [put("cats", day) for day in (1, 2, 3)], [put("dogs", day) for day in (1, 2)]
    assert set(going(1)) == {cats[0], cats[1], dogs[0]}
    assert going(2) == [cats[0]]
    assert going(1, name="dogs") == [dogs[0]]


def test_what_a_run_in_progress_uses_stays(put):
    old, middle, _ = (put("cats", day) for day in (1, 2, 3))
    assert going(1, in_use=[old]) == [middle]


def test_what_the_settings_pin_stays(put, monkeypatch):
    old, middle, _ = (put("cats", day) for day in (1, 2, 3))
    monkeypatch.setenv("FIRSTPASS_MODEL", old)
    settings.cache_clear()
    assert going(1) == [middle]


def test_refused_versions_do_not_count_as_kept_and_go_with_their_time(put):
    put("cats", 2)
    old_refused = put("cats", 1, admitted=False)
    put("cats", 3, admitted=False)
    assert going(1) == [old_refused]


def test_removing_takes_the_version_and_nothing_else(put, store_folder):
    put("cats", 1)
    put("cats", 2)
    for version in superfluous(1, set()):
        store.remove(version)
    assert [version.version for version in store.versions()] == [f"{2:012}"]
    assert not (store_folder / "cats" / f"{1:012}").exists()


def test_at_least_one_must_stay_and_the_model_must_be_there(put):
    put("cats", 1)
    with pytest.raises(FirstpassError, match="--keep is 0"):
        superfluous(0, set())
    with pytest.raises(FirstpassError, match="there is no model 'dogs'") as caught:
        superfluous(1, set(), "dogs")
    assert "cats" in caught.value.fix
