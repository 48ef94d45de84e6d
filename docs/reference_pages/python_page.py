"""docs/reference/python.md: the names in `__all__` of `firstpass` and `firstpass.plugins`, with their docstrings."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from dataclasses import is_dataclass
from importlib import import_module
from itertools import pairwise
from types import ModuleType
from typing import Any

import firstpass
import firstpass.plugins
from reference_pages.markdown import GENERATED, docstring

_INTRODUCTION = """# Python API

The public names are those of `firstpass` and `firstpass.plugins`; every other module may change with any release.
[Use Firstpass from Python](../guides/python.md) shows the first, [Extend Firstpass](../extend/index.md) the second.
"""
_WIDTH = 100


def page() -> str:
    """The page's Markdown."""
    return "\n".join([GENERATED, _INTRODUCTION, *_module(firstpass), *_module(firstpass.plugins)])


def _module(module: ModuleType) -> Iterator[str]:
    yield f"## `{module.__name__}`\n"
    yield docstring(module.__doc__ or "")
    for name in module.__all__:
        value = getattr(module, name)
        yield f"### `{module.__name__.removeprefix('firstpass.')}.{name}`\n"
        if module is not firstpass and name in firstpass.__all__:
            yield f"The same as `firstpass.{name}`.\n"
        elif name == "__version__":
            yield "The installed version, as text.\n"
        elif inspect.isclass(value):
            yield from _class(value)
        elif inspect.isfunction(value):
            yield _code(name + _signature(value))
            yield docstring(value.__doc__ or "", inspect.signature(value).parameters)
        else:
            yield from _alias(module, name)


def _class(value: type[Any]) -> Iterator[str]:
    name, base = value.__name__, value.__mro__[1].__name__
    parameters: dict[str, Any] = {}
    protocol = getattr(value, "_is_protocol", False)
    if is_dataclass(value) or ("__init__" in vars(value) and not protocol):
        yield _code(name + _signature(value.__init__))
        parameters = dict(inspect.signature(value.__init__).parameters)
    else:
        yield _code(f"class {name}" + ("" if base == "object" else f"({base})"))
    yield docstring(vars(value).get("__doc__") or "", {*vars(value), *inspect.get_annotations(value), *parameters})
    for attribute, member in vars(value).items():
        function = _function(member)
        if function is not None and not attribute.startswith("_") and function.__doc__:
            shown = f"{name}.{attribute}" + ("" if isinstance(member, property) else _signature(function))
            yield f"**`{shown}`**\n"
            yield docstring(function.__doc__, inspect.signature(function).parameters)


def _function(member: Any) -> Any:
    """The function behind a method or property; None for anything else."""
    if isinstance(member, property):
        return member.fget
    if isinstance(member, classmethod | staticmethod):
        return member.__func__
    return member if inspect.isfunction(member) else None


def _signature(function: Any) -> str:
    """As in the source, without `self` and `cls`; one parameter per line where it is long."""
    signature = inspect.signature(function)
    parts: list[str] = []
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in parts:
            parts.append("*")
        if parameter.name not in ("self", "cls"):
            parts.append(f"{parameter.name}: {_annotation(parameter.annotation)}{_default(parameter.default)}")
    returned = _annotation(signature.return_annotation)
    result = "" if returned == "None" else f" -> {returned}"
    short = f"({', '.join(parts)}){result}"
    return short if len(short) <= _WIDTH else "(\n" + "".join(f"    {part},\n" for part in parts) + f"){result}"


def _annotation(annotation: Any) -> str:
    return annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))


def _default(value: Any) -> str:
    if value is inspect.Parameter.empty:
        return ""
    plain = value is None or isinstance(value, str | int | float | tuple)
    return f" = {value!r}" if plain else " = ..."


def _alias(module: ModuleType, name: str) -> Iterator[str]:
    """A type with a name of its own: the string below it in the source says what it is."""
    imports = [node for node in ast.parse(inspect.getsource(module)).body if isinstance(node, ast.ImportFrom)]
    (home,) = [node.module for node in imports if name in {alias.name for alias in node.names}]
    body = ast.parse(inspect.getsource(import_module(str(home)))).body
    for statement, after in pairwise(body):
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == name:
            assert isinstance(after, ast.Expr), f"{home}.{name} has no docstring"
            assert isinstance(after.value, ast.Constant), f"{home}.{name} has no docstring"
            yield _code(ast.unparse(statement))
            yield docstring(str(after.value.value))


def _code(text: str) -> str:
    return f"```python\n{text}\n```\n"
