"""Misspelt settings are refused where somebody meant one; what a cluster injects is none."""

from __future__ import annotations

import pytest

from firstpass import variables

KNOWN = {"FIRSTPASS_PORT", "FIRSTPASS_THRESHOLD", "FIRSTPASS_THREADS", "FIRSTPASS_IMAGES", "FIRSTPASS_S3_ENDPOINT"}

# What Kubernetes injects for Services called firstpass, firstpass-s3 and firstpass-threads.
INJECTED = {
    "FIRSTPASS_SERVICE_HOST": "10.0.0.1",
    "FIRSTPASS_SERVICE_PORT": "80",
    "FIRSTPASS_SERVICE_PORT_HTTP": "80",
    "FIRSTPASS_PORT": "tcp://10.0.0.1:80",
    "FIRSTPASS_PORT_80_TCP": "tcp://10.0.0.1:80",
    "FIRSTPASS_PORT_80_TCP_PROTO": "tcp",
    "FIRSTPASS_PORT_80_TCP_PORT": "80",
    "FIRSTPASS_PORT_80_TCP_ADDR": "10.0.0.1",
    "FIRSTPASS_PORT_53_UDP": "udp://10.0.0.1:53",
    "FIRSTPASS_S3_PORT": "tcp://10.0.0.2:9000",
    "FIRSTPASS_S3_SERVICE_HOST": "10.0.0.2",
    "FIRSTPASS_THREADS_SERVICE_PORT": "1",
}


@pytest.fixture
def found(tmp_path, monkeypatch):
    """The variables of an environment and a .env."""

    def read(text: str = "", **environment: str) -> variables.Variables:
        for name in [*variables.environment(), *INJECTED]:
            if name.upper().startswith("FIRST"):
                monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        (tmp_path / ".env").write_text(text)
        return variables.read(tmp_path / ".env")

    return read


def test_the_environment_wins_and_each_value_has_a_place(found, tmp_path):
    both = found("\nFIRSTPASS_PORT=1\nFIRSTPASS_IMAGES=/a\n", FIRSTPASS_PORT="2")
    assert (both.values["FIRSTPASS_PORT"], both.values["FIRSTPASS_IMAGES"]) == ("2", "/a")
    assert both.place("FIRSTPASS_PORT") == "the environment"
    assert both.place("FIRSTPASS_IMAGES") == f"{tmp_path}/.env, line 3"


def test_a_cluster_s_services_are_no_settings(found):
    injected = found(**INJECTED)
    assert not set(INJECTED) & set(injected.values)
    assert injected.unknown(KNOWN) == []
    assert found(FIRSTPASS_PORT="8081").values["FIRSTPASS_PORT"] == "8081"


def test_a_process_of_the_stack_reads_no_file(found):
    running = found("FIRSTPASS_TRESHOLD=0.4\nnot even a line", FIRSTPASS_INSTANCE="0a1b", FIRSTPASS_PORT="1")
    assert running.written == {}
    assert running.values["FIRSTPASS_PORT"] == "1"


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("FIRSTPASS_TRESHOLD", "FIRSTPASS_THRESHOLD"),
        ("FIRSTPASS_IMAGE", "FIRSTPASS_IMAGES"),
        ("FIRSTPASS_PROT", "FIRSTPASS_PORT"),
        ("firstpass_port", "FIRSTPASS_PORT"),
        ("FirstPass_Images", "FIRSTPASS_IMAGES"),
        ("FIRSTPASS_S3_ENDPOIND", "FIRSTPASS_S3_ENDPOINT"),
    ],
)
def test_nearly_a_setting_is_refused_in_both_places(found, tmp_path, name, near):
    (unknown,) = found(f"{name}=1\n").unknown(KNOWN)
    error = found(f"{name}=1\n").refuse(unknown, KNOWN)
    assert error.problem == f"{tmp_path}/.env, line 1: there is no setting {name}"
    assert f"did you mean {near}?" in error.fix
    (unknown,) = found(**{name: "1"}).unknown(KNOWN)
    error = found(**{name: "1"}).refuse(unknown, KNOWN)
    assert error.problem == f"the environment: there is no setting {name}"
    assert f"did you mean {near}?" in error.fix


@pytest.mark.parametrize("name", ["FIRSTPASS_BACKUP", "FIRSTPASS_ONNX_THREADS", "FIRSTPASS_"])
def test_what_is_like_no_setting_is_refused_where_settings_are_written(found, name):
    assert found(f"{name}=1\n").unknown(KNOWN) == [name]
    assert found(**{name: "1"}).unknown(KNOWN) == []
    assert found(**{name: "1"}).unknown(KNOWN | {name}) == []
    typed = found(**{name: "1", "FIRSTPASS_COMMAND_LINE": f"FIRSTPASS_PORT {name}"})
    assert typed.unknown(KNOWN) == [name]


@pytest.mark.parametrize("name", ["FIRSTPAS_PORT", "FIRST_PASS_PORT", "FISTPASS_THRESHOLD"])
def test_the_prefix_can_be_misspelt_too(found, name):
    (unknown,) = found(f"{name}=1\nAWS_REGION=x\nFIRSTPASS_PORT=1\n").unknown(KNOWN)
    assert "did you mean FIRSTPASS_" in found(f"{name}=1\n").refuse(unknown, KNOWN).fix


def test_without_a_likeness_the_settings_are_pointed_to(found):
    assert "docs/reference/settings.md" in found("FIRSTPASS_QQQ=1\n").refuse("FIRSTPASS_QQQ", KNOWN).fix


def test_a_setting_that_was_replaced_says_by_what(found):
    error = found("FIRSTPASS_MAX_IMAGE_PIXELS=9\n").refuse("FIRSTPASS_MAX_IMAGE_PIXELS", KNOWN)
    assert error.problem.endswith("there is no setting FIRSTPASS_MAX_IMAGE_PIXELS any more")
    assert error.fix.startswith("FIRSTPASS_MAX_IMAGE_MEMORY, in bytes")
