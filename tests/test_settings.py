"""Settings come from the environment and from .env, and say which one is wrong."""

from __future__ import annotations

import re
import shutil
from importlib import util
from pathlib import Path

import pytest
from pydantic import Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

import firstpass.settings
from firstpass.errors import FirstpassError
from firstpass.settings import PluginSettings, Settings, settings

REFERENCE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "settings.md"


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("FIRSTPASS_HOME", str(tmp_path))
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.fixture
def setting(monkeypatch):
    """`setting("port", 9000)`: what the setting is when its variable says so."""

    def give(name: str, value: object):
        monkeypatch.setenv(f"FIRSTPASS_{name.upper()}", str(value))
        settings.cache_clear()
        return getattr(settings(), name)

    return give


def test_embedded_defaults_need_nothing(tmp_path):
    assert settings().storage == str(tmp_path / "var" / "storage")
    assert settings().engine == "local"


def test_every_default_is_what_the_reference_says(tmp_path, setting):
    rows = re.findall(r"^\| `FIRSTPASS_(\w+)` \| (?:`(.*?)`|none) \|", REFERENCE.read_text(), re.MULTILINE)
    said = {name.lower(): default for name, default in rows}
    assert said.keys() == Settings.model_fields.keys()
    defaults = settings()
    for name, default in said.items():
        value = getattr(defaults, name)
        if default:
            path = str(tmp_path / default)
            assert value == setting(name, path if value == path else default), name
        else:
            assert value in ("", {}, [], None) or value.get_secret_value() == "", name


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The module of a package that lies in a folder of its own; `home()` there knows no FIRSTPASS_HOME."""
    path = tmp_path / "include" / "firstpass" / "settings.py"
    path.parent.mkdir(parents=True)
    shutil.copy(firstpass.settings.__file__, path)
    spec = util.spec_from_file_location("a_copy", path)
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setenv("FIRSTPASS_HOME", "")
    return module


def test_without_a_home_of_its_own_the_project_is_the_checkout_of_the_package(package, tmp_path):
    (tmp_path / "airflow.cfg").touch()
    assert package.home() == tmp_path


def test_a_package_without_a_checkout_has_its_home_among_the_user_s_data(package, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert package.home() == tmp_path / "data" / "firstpass"
    for unset in ("", None):
        monkeypatch.setenv("XDG_DATA_HOME", "") if unset == "" else monkeypatch.delenv("XDG_DATA_HOME")
        assert package.home() == Path.home() / ".local" / "share" / "firstpass"


class OnnxSettings(PluginSettings):
    """What a part that another package brings may be told."""

    model_config = SettingsConfigDict(env_prefix="FIRSTPASS_ONNX_")

    threads: int = Field(2, ge=1)
    nodes: list[str] = Field([])


def test_a_plugin_s_settings_are_read_each_time_from_the_same_places(tmp_path, monkeypatch):
    assert OnnxSettings.load().threads == 2
    (tmp_path / ".env").write_text("FIRSTPASS_ONNX_THREADS=3\nFIRSTPASS_PORT=9001\n")
    assert OnnxSettings.load().threads == 3
    monkeypatch.setenv("FIRSTPASS_ONNX_THREADS", "4")
    assert OnnxSettings.load().threads == 4
    with pytest.raises(ValueError, match="frozen"):
        OnnxSettings.load().threads = 5


def test_a_plugin_s_setting_that_is_wrong_is_named_by_its_variable(monkeypatch):
    monkeypatch.setenv("FIRSTPASS_ONNX_THREADS", "0")
    with pytest.raises(FirstpassError, match=r"^FIRSTPASS_ONNX_THREADS='0' \(the environment\): "):
        OnnxSettings.load()
    monkeypatch.setenv("FIRSTPASS_ONNX_NODES", "[")
    with pytest.raises(FirstpassError, match="JSON"):
        OnnxSettings.load()


def test_the_environment_wins_over_env_file(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("FIRSTPASS_PORT=9001\nFIRSTPASS_MODEL=pets\nSOMETHING_ELSE=1\n")
    monkeypatch.setenv("FIRSTPASS_PORT", "9002")
    assert (settings().port, settings().model) == (9002, "pets")


def test_settings_are_read_once_and_stay(monkeypatch):
    before = settings()
    monkeypatch.setenv("FIRSTPASS_PORT", "9002")
    assert settings() is before
    with pytest.raises(ValueError, match="frozen"):
        before.port = 9003


def test_a_wrong_value_names_its_variable(monkeypatch):
    monkeypatch.setenv("FIRSTPASS_ENGINE", "mainframe")
    with pytest.raises(FirstpassError) as caught:
        settings()
    assert caught.value.problem.startswith("FIRSTPASS_ENGINE='mainframe' (the environment): ")
    assert caught.value.fix == "correct it in the environment"


def test_a_wrong_value_in_the_file_names_its_line(tmp_path):
    (tmp_path / ".env").write_text("# mine\nFIRSTPASS_WORKERS=two\n")
    with pytest.raises(FirstpassError) as caught:
        settings()
    assert caught.value.problem.startswith(f"FIRSTPASS_WORKERS='two' ({tmp_path}/.env, line 2): ")
    assert caught.value.fix == f"correct it in {tmp_path}/.env, line 2"


@pytest.mark.parametrize("value", ["every night", "0 2 31 2 *"])
def test_a_schedule_is_a_cron_expression(setting, value):
    with pytest.raises(FirstpassError, match=r"^FIRSTPASS_SCHEDULE='.*cron expression; .*'0 2 \* \* \*'"):
        setting("schedule", value)
    assert setting("schedule", "") == ""
    assert setting("schedule", "30 1 * * 1-5") == "30 1 * * 1-5"


def test_a_threshold_may_be_left_to_the_model(setting):
    assert setting("threshold", "") is None
    assert (setting("threshold", "0"), setting("threshold", "1")) == (0, 1)
    with pytest.raises(FirstpassError, match=r"^FIRSTPASS_THRESHOLD='40'"):
        setting("threshold", "40")


def test_a_misspelt_setting_is_refused_with_the_right_one(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("FIRSTPASS_TRESHOLD=0.4\n")
    with pytest.raises(FirstpassError, match="line 1: there is no setting FIRSTPASS_TRESHOLD") as caught:
        settings()
    assert "did you mean FIRSTPASS_THRESHOLD?" in caught.value.fix
    (tmp_path / ".env").unlink()
    monkeypatch.setenv("FIRSTPASS_TRESHOLD", "0.4")
    with pytest.raises(FirstpassError, match="the environment: there is no setting FIRSTPASS_TRESHOLD"):
        settings()


def test_a_plugin_s_settings_are_known_by_name(tmp_path):
    (tmp_path / ".env").write_text("FIRSTPASS_ONNX_THREADS=3\n")
    assert settings().threads == 0
    settings.cache_clear()
    (tmp_path / ".env").write_text("FIRSTPASS_ONNX_TREADS=3\n")
    with pytest.raises(FirstpassError, match="there is no setting FIRSTPASS_ONNX_TREADS") as caught:
        settings()
    assert "did you mean FIRSTPASS_ONNX_THREADS?" in caught.value.fix


def test_a_service_of_the_cluster_called_firstpass_sets_no_port(monkeypatch):
    monkeypatch.setenv("FIRSTPASS_PORT", "tcp://10.0.0.1:80")
    monkeypatch.setenv("FIRSTPASS_SERVICE_PORT", "80")
    assert settings().port == Settings().port == 8080


def test_a_secret_that_does_not_fit_is_not_shown(monkeypatch):
    class SecretSettings(PluginSettings):
        model_config = SettingsConfigDict(env_prefix="FIRSTPASS_SECRET_")
        key: SecretStr = Field(SecretStr(""), max_length=3)

    monkeypatch.setenv("FIRSTPASS_SECRET_KEY", "hunter2")
    with pytest.raises(FirstpassError, match=r"^FIRSTPASS_SECRET_KEY \(the environment\): ") as caught:
        SecretSettings.load()
    assert "hunter2" not in str(caught.value)


def test_what_a_plugin_says_about_several_of_its_settings_names_them(monkeypatch):
    class PairSettings(PluginSettings):
        model_config = SettingsConfigDict(env_prefix="FIRSTPASS_PAIR_")
        least: int = 0
        most: int = 1

        @model_validator(mode="after")
        def in_order(self):
            if self.least > self.most:
                raise ValueError("least is above most")
            return self

    monkeypatch.setenv("FIRSTPASS_PAIR_LEAST", "2")
    with pytest.raises(FirstpassError, match="least is above most") as caught:
        PairSettings.load()
    assert caught.value.fix == "correct FIRSTPASS_PAIR_LEAST, FIRSTPASS_PAIR_MOST"


@pytest.mark.parametrize("value", ["{", "[1", "nodes"])
def test_what_is_no_json_names_its_variable(monkeypatch, value):
    monkeypatch.setenv("FIRSTPASS_KUBERNETES_LABELS", value)
    with pytest.raises(FirstpassError, match=r"^FIRSTPASS_KUBERNETES_LABELS=.*JSON"):
        settings()


# Setting → the smallest and the largest value; None where there is no end.
BOUNDS = {
    "keep_newest": (1, None),
    "keep_results_days": (0, None),
    "keep_results": (0, None),
    "keep_reports_days": (0, None),
    "keep_reports": (0, None),
    "keep_data_docs_days": (0, None),
    "keep_data_docs": (0, None),
    "keep_runs_days": (0, None),
    "keep_runs": (0, None),
    "keep_logs_days": (0, None),
    "keep_airflow_days": (0, None),
    "wait_minutes": (0, 1440),
    "port": (1, 65535),
    "workers": (1, 1024),
    "gpus": (0, 16),
    "threads": (0, 256),
    "batch_size": (0, 1024),
    "max_image_bytes": (1, None),
    "max_image_memory": (1, None),
    "kubernetes_gpus": (0, 1),
    "kubernetes_deadline_minutes": (1, None),
    "kubernetes_startup_minutes": (1, None),
    "check_unreadable": (0, 1),
    "check_empty": (0, 1),
    "check_duplicates": (0, 1),
    "check_boxes": (1, None),
    "check_overlap": (0.001, 1),
    "check_side": (1, None),
    "check_dark": (0, 255),
    "check_polygons": (0, None),
    "check_speed": (0, 1),
    "check_drift": (0.001, None),
    "check_drift_runs": (1, None),
    "check_drift_samples": (10, None),
    "report_pictures": (0, 2000),
    "deadline_minutes": (1, None),
    "admission_minutes": (0.001, None),
    "admission_memory": (0.001, None),
}


@pytest.mark.parametrize("name", BOUNDS)
def test_a_number_lies_within_its_bounds(setting, name):
    least, most = BOUNDS[name]
    step = 0.001 if isinstance(getattr(settings(), name), float) or least == 0.001 else 1
    assert setting(name, least) == least
    assert setting(name, 10**12 if most is None else most) == (10**12 if most is None else most)
    for wrong in [least - step, *([] if most is None else [most + step])]:
        with pytest.raises(FirstpassError, match=f"FIRSTPASS_{name.upper()}='"):
            setting(name, wrong)


def test_every_number_has_bounds():
    numbers = {name for name, field in Settings.model_fields.items() if field.annotation in (int, float)}
    assert numbers == BOUNDS.keys()


@pytest.mark.parametrize(
    ("name", "values"), [("engine", ("local", "kubernetes")), ("cvat_unmatched", ("fail", "drop", "ask"))]
)
def test_a_choice_takes_each_of_its_words(setting, name, values):
    for value in values:
        assert setting(name, value) == value
    with pytest.raises(FirstpassError):
        setting(name, values[0].upper())


def test_a_dsn_does_not_show_in_print(monkeypatch):
    monkeypatch.setenv("FIRSTPASS_WAREHOUSE_DSN", "postgresql://me:hunter2@db/warehouse")
    assert "hunter2" not in repr(settings())
