"""`firstpass.plugins`: everything that a part of another package needs, and nothing that it does not."""

from __future__ import annotations

import ast
import inspect
import typing
from importlib.metadata import entry_points
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

import firstpass
from firstpass import plugins
from firstpass.errors import FirstpassError, Unavailable
from firstpass.settings import PluginSettings

ROOT = Path(__file__).resolve().parents[1]
NAMES = sorted(plugins.__all__)
CLASSES = [name for name in NAMES if inspect.isclass(getattr(plugins, name))]
EXAMPLES = sorted(path for path in (ROOT / "docs" / "examples").glob("*/*.py"))


def public(namespace: dict[str, Any]) -> set[str]:
    return {name for name, value in namespace.items() if not name.startswith("_") and not inspect.ismodule(value)}


def parts_of(hint: Any) -> set[type]:
    """The classes of this package that a type hint is made of."""
    if inspect.isclass(hint) and hint.__module__.startswith("firstpass"):
        return {hint}
    return set().union(*(parts_of(part) for part in _arguments(hint)), set())


def _arguments(hint: Any) -> list[Any]:
    arguments = typing.get_args(hint)
    return [part for each in arguments for part in (each if isinstance(each, list) else [each])]


def members(kind: type) -> list[FunctionType]:
    """The functions that this class itself has, behind properties and class methods too."""
    found = (getattr(value, "fget", None) or getattr(value, "__func__", value) for value in vars(kind).values())
    functions = [value for value in found if inspect.isfunction(value) and value.__module__.startswith("firstpass")]
    return [value for value in functions if not value.__name__.startswith("_")]


def test_what_it_imports_is_what_it_lists():
    assert public(vars(plugins)) == set(plugins.__all__)


def test_its_list_is_in_order_and_names_nothing_twice():
    assert plugins.__all__ == sorted(set(plugins.__all__))


def test_a_star_import_brings_all_of_it():
    brought: dict[str, Any] = {}
    exec("from firstpass.plugins import *", brought)
    assert public(brought) == set(plugins.__all__)


@pytest.mark.parametrize("name", NAMES)
def test_everything_is_of_this_package_and_goes_by_its_own_name(name):
    value = getattr(plugins, name)
    if inspect.isclass(value) or inspect.isfunction(value):
        assert value.__module__.startswith("firstpass.")
        assert value.__name__ == name


@pytest.mark.parametrize("name", NAMES)
def test_everything_says_what_it_is(name):
    value = getattr(plugins, name)
    if inspect.isclass(value) or inspect.isfunction(value):
        assert vars(value)["__doc__"] if inspect.isclass(value) else value.__doc__
        assert not (value.__doc__ or "").startswith(f"{name}("), "written by a person, not by dataclass"
    else:
        assert typing.get_args(value), f"{name} is a type, whose own module explains it"


@pytest.mark.parametrize("name", CLASSES)
def test_every_method_of_it_says_what_it_does(name):
    for function in members(getattr(plugins, name)):
        assert function.__doc__, f"{name}.{function.__name__}"


@pytest.mark.parametrize("name", NAMES)
def test_whoever_implements_it_needs_no_other_module(name):
    """Every class in its hints is listed too: fields, parameters and results."""
    value = getattr(plugins, name)
    if inspect.isclass(value):
        hints = [typing.get_type_hints(value), *map(typing.get_type_hints, members(value))]
    elif inspect.isfunction(value):
        hints = [typing.get_type_hints(value)]
    else:
        hints = [{"alias": value}]
    needed = set().union(*(parts_of(hint) for each in hints for hint in each.values()), set())
    assert {each.__name__ for each in needed} <= set(plugins.__all__)


def test_the_docstring_names_the_groups_that_parts_are_found_in():
    ours = {group for group in entry_points().groups if group.startswith("firstpass.")}
    assert ours == {"firstpass.detectors", "firstpass.sources", "firstpass.exports", "firstpass.notifiers"}
    for group in ours:
        assert f"`{group}`" in plugins.__doc__


def test_the_docstring_names_only_what_is_there():
    words = [word for word in plugins.__doc__.split("`")[1::2] if word[0].isupper()]
    assert words == ["DetectorKind", "Detector", "ImageSource", "ExportFormat", "Notifier"]
    assert set(words) <= set(plugins.__all__)


def test_errors_of_parts_are_caught_as_what_they_are():
    assert plugins.FirstpassError is FirstpassError
    assert issubclass(plugins.Unavailable, FirstpassError)
    assert plugins.Unavailable is Unavailable
    images = {plugins.MissingImage, plugins.UnreadableImage, plugins.UnfitImage}
    assert all(issubclass(error, Exception) for error in images)
    assert not any(issubclass(error, FirstpassError) for error in images), "one image is no reason to stop a run"


def test_what_the_package_itself_offers_too_is_the_same():
    for name in set(plugins.__all__) & set(firstpass.__all__):
        assert getattr(plugins, name) is getattr(firstpass, name)


def test_settings_of_a_part_are_read_from_the_environment_by_its_prefix(monkeypatch):
    class Mine(plugins.PluginSettings, env_prefix="FIRSTPASS_MINE_"):
        colour: str = "red"

    assert plugins.PluginSettings is PluginSettings
    monkeypatch.delenv("FIRSTPASS_MINE_COLOUR", raising=False)
    assert Mine().colour == "red"
    monkeypatch.setenv("FIRSTPASS_MINE_COLOUR", "blue")
    assert Mine().colour == "blue"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_needs_nothing_else_of_the_package(path):
    used = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            assert not [each.name for each in node.names if each.name.split(".")[0] == "firstpass"]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "firstpass":
            assert node.module == "firstpass.plugins" or [each.name for each in node.names] == ["plugins"]
            used |= {each.name for each in node.names} - {"plugins"}
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "plugins":
            used.add(node.attr)
    assert used <= set(plugins.__all__)


def test_there_are_examples_for_all_four_kinds_of_part():
    assert {path.parent.name for path in EXAMPLES} == {"detector", "source", "export", "notifier"}
