"""Parts are found by entry point; one that is broken is told, and stops nothing else."""

from __future__ import annotations

from importlib import metadata
from types import SimpleNamespace

import pytest

from firstpass import entry_points
from firstpass.entry_points import Parts, parts
from firstpass.errors import FirstpassError

GROUP = "firstpass.exports"


class Entry:
    """An entry point of a package, as `importlib.metadata` has it; `part` is what loading gives or raises."""

    def __init__(self, name: str, part, package: str | None = "plugin") -> None:
        self.name, self.part = name, part
        self.value = f"{package}.module:{name.upper()}"
        self.dist = SimpleNamespace(name=package) if package else None

    def load(self):
        if isinstance(self.part, Exception):
            raise self.part
        return self.part


@pytest.fixture
def installed(monkeypatch):
    """Say which entry points are installed; afterwards all is as before."""

    def install(*entries: Entry) -> None:
        monkeypatch.setattr(metadata, "entry_points", lambda group: list(entries) if group == GROUP else [])

    parts.cache_clear()
    yield install
    parts.cache_clear()


def is_text(part) -> bool:
    return isinstance(part, str)


def test_every_group_has_its_built_in_parts():
    for group in entry_points.GROUPS:
        assert parts(group, bool).found
        assert parts(group, bool).broken == {}


def test_parts_are_found_by_their_name(installed):
    installed(Entry("b", "part b"), Entry("a", "part a"))
    found = parts(GROUP, is_text)
    assert found == Parts({"a": "part a", "b": "part b"}, {})
    assert found.get("b", "export format") == "part b"
    assert parts("another group", is_text) == Parts({}, {})


def test_a_part_that_cannot_be_used_is_told_and_stops_nothing_else(installed, caplog):
    installed(Entry("torn", ImportError("no module x")), Entry("odd", 7), Entry("fine", "part"))
    found = parts(GROUP, is_text)
    assert found.found == {"fine": "part"}
    where = "of the package plugin (firstpass.exports)"
    assert found.broken == {
        "odd": f"the plugin plugin.module:ODD {where} is not what firstpass.exports is for: 7",
        "torn": f"the plugin plugin.module:TORN {where} cannot be imported: ImportError: no module x",
    }
    assert [record.message for record in caplog.records] == [found.broken["odd"], found.broken["torn"]]
    with pytest.raises(FirstpassError, match="cannot be imported: ImportError") as caught:
        found.get("torn", "export format")
    assert caught.value.fix == "use one of fine, or install the package that brings it"


def test_our_own_goes_before_another_of_the_same_name(installed):
    installed(Entry("coco", "theirs", "another"), Entry("coco", "ours", "firstpass"), Entry("coco", "third", "zoo"))
    found = parts(GROUP, is_text)
    assert found.found == {"coco": "ours"}
    assert "of the package another" in found.broken["coco"]
    assert "is called 'coco' like one that is there already" in found.broken["coco"]


def test_of_two_packages_the_first_broken_one_is_remembered(installed):
    installed(Entry("x", ImportError("first"), "a"), Entry("x", ImportError("second"), "b"))
    assert "first" in parts(GROUP, is_text).broken["x"]


def test_a_package_without_a_name_is_one_too(installed):
    installed(Entry("x", 7, None))
    assert "of the package ? (" in parts(GROUP, is_text).broken["x"]


def test_what_nobody_brings_is_answered_with_what_there_is(installed):
    installed(Entry("b", "part"), Entry("a", "part"))
    with pytest.raises(FirstpassError) as caught:
        parts(GROUP, is_text).get("c" * 200, "export format")
    assert caught.value.problem == f"there is no export format {'c' * 100!r}"
    assert caught.value.fix == "use one of a, b, or install the package that brings it"


def test_parts_are_loaded_once(installed):
    loads = []
    entry = Entry("a", "part")
    entry.load = lambda: loads.append("a") or "part"
    installed(entry)
    assert parts(GROUP, is_text) is parts(GROUP, is_text)
    assert loads == ["a"]
