"""`import firstpass`: what it offers, and what it does not cost."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import pytest

import firstpass
import firstpass.plugins


def test_everything_it_lists_is_there():
    assert set(firstpass.__all__) == set(dir(firstpass))
    for name in firstpass.__all__:
        assert getattr(firstpass, name) is not None
    for name in firstpass.plugins.__all__:
        assert getattr(firstpass.plugins, name) is not None


def test_it_knows_its_version():
    assert firstpass.__version__ == version("firstpass")


def test_what_it_does_not_have_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'detect'"):
        firstpass.detect  # noqa: B018


def loaded(script: str) -> set[str]:
    """The top-level packages that are imported after `script`."""
    code = f"import sys; {script}; print(*{{name.split('.')[0] for name in sys.modules}})"
    return set(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split())


def test_importing_it_imports_nothing_heavy():
    heavy = {"airflow", "tensorflow", "numpy", "pyarrow", "psycopg2", "great_expectations", "cvat_sdk", "pydantic"}
    assert not heavy & loaded("import firstpass")


def test_plugins_need_no_airflow_and_no_database():
    assert not {"airflow", "tensorflow", "psycopg2", "great_expectations"} & loaded("import firstpass.plugins")


def test_loading_a_model_is_possible_without_airflow_and_database():
    assert not {"airflow", "psycopg2", "cvat_sdk"} & loaded("import firstpass; firstpass.load_model")
