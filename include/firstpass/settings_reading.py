"""How a class of settings is filled from variables, and what is said about one that is wrong."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource

from firstpass import entry_points, variables
from firstpass.errors import FirstpassError
from firstpass.variables import Variables

AnySettings = TypeVar("AnySettings", bound="FromVariables")


class FromVariables(BaseSettings):
    """Settings that read the environment, and nothing else by themselves: `read` adds .env."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        *_: PydanticBaseSettingsSource,
        **__: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is given to the class, then the environment without what a cluster injects."""
        return init_settings, _Source(settings_cls, variables.environment())


class _Source(EnvSettingsSource):
    """Fields from these variables, whose names are written as they are documented: in capitals."""

    def __init__(self, kind: type[BaseSettings], values: dict[str, str]) -> None:
        super().__init__(kind)
        self.env_vars = {name.lower(): value for name, value in values.items() if name.isupper()}


def variables_of(kind: type[FromVariables]) -> dict[str, str]:
    """Variable → the field that it sets."""
    return {f"{kind.model_config['env_prefix']}{field}".upper(): field for field in kind.model_fields}


def read(kind: type[AnySettings], found: Variables) -> AnySettings:
    """Settings of this kind. Raises FirstpassError for a value that does not fit and for a misspelt name."""
    _refuse_misspelt(found)
    fields = variables_of(kind)
    values = {name: value for name, value in found.values.items() if name in fields}
    try:
        return kind(**_decoded(kind, values, found))
    except ValidationError as error:
        first = error.errors()[0]
        why = first["msg"].removeprefix("Value error, ")
        name = next((name for name, field in fields.items() if field in first["loc"][:1]), None)
        if name is None:  # what a plugin says about several of its settings together
            raise FirstpassError(why, f"correct {', '.join(fields)}") from None
        raise _wrong(kind, found, name, why) from None


def _decoded(kind: type[AnySettings], values: dict[str, str], found: Variables) -> dict[str, Any]:
    """Field → value, which is parsed where the field is a list or a mapping."""
    fields: dict[str, Any] = {}
    for name, value in values.items():
        try:
            fields |= _Source(kind, {name: value})()
        except ValueError:
            raise _wrong(kind, found, name, "this is not valid JSON") from None
    return fields


def _wrong(kind: type[FromVariables], found: Variables, name: str, why: str) -> FirstpassError:
    secret = kind.model_fields[variables_of(kind)[name]].annotation is SecretStr
    value = "" if secret else f"={found.values[name][:200]!r}"
    return FirstpassError(f"{name}{value} ({found.place(name)}): {why}", f"correct it in {found.place(name)}")


def _refuse_misspelt(found: Variables) -> None:
    """Raise FirstpassError for a name that somebody meant to be a setting and that is none.

    Only then are other packages' parts imported, whose settings nobody has heard of before.
    """
    if not found.unknown(_known()):
        return
    all_imported = entry_points.import_plugins()
    known = _known()
    for name in found.unknown(known):
        if all_imported or variables.nearest(name, known):
            raise found.refuse(name, known)


def _known() -> set[str]:
    kinds: list[type[FromVariables]] = [FromVariables]
    for kind in kinds:
        kinds += kind.__subclasses__()
    return set(variables.OWN).union(*(variables_of(kind) for kind in kinds))
