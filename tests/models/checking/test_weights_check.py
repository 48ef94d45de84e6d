"""A real child process that reads weights: what it answers, how it dies, and what is said of that."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from firstpass.contracts.detector import WeightsInspection
from firstpass.errors import FirstpassError, Unavailable
from firstpass.models.checking.weights_check import NotInstalled, checking
from firstpass.settings import settings

SECRETS = {
    "AWS_SECRET_ACCESS_KEY": "s3cret",
    "AIRFLOW_CONN_CVAT_DEFAULT": "s3cret",
    "AIRFLOW__CORE__FERNET_KEY": "s3cret",
    "FIRSTPASS_WAREHOUSE_DSN": "postgresql://me:s3cret@there/db",
    "PGPASSWORD": "s3cret",
}


@pytest.fixture
def toys(store_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of weights of the kind `toy`, which a package brings that only the import path leads to."""
    package = tmp_path / "package"
    (package / "toys-1.dist-info").mkdir(parents=True)
    (package / "toys-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: toys\nVersion: 1\n")
    (package / "toys-1.dist-info" / "entry_points.txt").write_text("[firstpass.detectors]\ntoy = toy_kind:KIND\n")
    (package / "toy_kind.py").write_bytes(Path(__file__).with_name("toy_kind.py").read_bytes())
    monkeypatch.syspath_prepend(package)
    folder = tmp_path / "model"
    folder.mkdir()
    return folder


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`limited(seconds=2, mib=300)`: what a check may take."""

    def limit(seconds: float = 300, mib: float = 1024) -> None:
        monkeypatch.setenv("FIRSTPASS_ADMISSION_MINUTES", str(seconds / 60))
        monkeypatch.setenv("FIRSTPASS_ADMISSION_MEMORY", str(mib / 1024))
        settings.cache_clear()

    return limit


def inspected(folder: Path, does: str) -> WeightsInspection:
    (folder / "weights.toy").write_text(does)
    with checking("toy", folder) as check:
        return check.inspect()


def probed(folder: Path, stored: Any, does: str) -> list[str]:
    (folder / "network.toy").write_text(does)
    with checking("toy", folder) as check:
        assert check.inspect() == WeightsInspection(2, False)
        return check.probe(stored(kind="toy"))


def refusal(folder: Path, does: str) -> str:
    """What refuses the model: the model's own fault, not the machine's."""
    with pytest.raises(FirstpassError) as caught:
        inspected(folder, does)
    assert type(caught.value) is FirstpassError
    assert caught.value.fix
    return caught.value.problem


def test_one_process_answers_both_questions(toys, stored):
    assert probed(toys, stored, "chatter") == []


@pytest.mark.parametrize("number", [0, 1])
def test_processor_time_without_end_is_cut_off(toys, stored, limited, number):
    limited(seconds=5)
    if number:
        with pytest.raises(FirstpassError) as caught:
            probed(toys, stored, "spin")
        assert caught.value.problem == "the network did not finish one photo within 5 s"
    else:
        assert refusal(toys, "spin") == "its weights were not read within 5 s"


def test_a_process_that_got_no_processor_time_says_nothing_of_the_model(toys, limited):
    limited(seconds=8)
    with pytest.raises(Unavailable, match=r"not done within 8 s, but the machine gave it only \d\.\d s of"):
        inspected(toys, "sleep")


def test_memory_is_watched(toys, stored, limited):
    limited(mib=200)
    assert refusal(toys, f"eat {2**30}") == "reading its weights needed more than 0.195 GiB of memory"
    (toys / "weights.toy").write_text("nothing")
    with pytest.raises(FirstpassError, match=r"the network needed more than 0\.195 GiB of memory for one photo"):
        probed(toys, stored, f"eat {2**30}")


def test_one_request_beyond_all_bounds_is_turned_down_at_once(toys, limited):
    limited(mib=500)
    assert refusal(toys, f"ask {2**40}") == "reading its weights needed more than 0.488 GiB of memory"
    assert refusal(toys, "bad_alloc") == "reading its weights needed more than 0.488 GiB of memory"


def test_where_the_machine_could_not_have_given_so_much_the_model_is_not_to_blame(toys, limited):
    limited(mib=2**40)
    with pytest.raises(Unavailable, match=r"got no more memory: it could have had .* GiB, it may take 1.* GiB"):
        inspected(toys, "bad_alloc")


@pytest.mark.parametrize(
    ("does", "said"),
    [
        ("segfault", "the process that read its weights ended with SIGSEGV"),
        ("signal SIGABRT", "the process that read its weights ended with SIGABRT"),
        ("signal SIGFPE", "the process that read its weights ended with SIGFPE"),
        ("signal SIGXCPU", "its weights were not read within 5 minutes"),
        ("refuse", "holds a toy"),
        ("stumble", "its weights cannot be read: KeyError: 'a key'"),
        (f"write {2**25}", "its weights cannot be read: OSError: [Errno 27] File too large"),
        ('puppet {"class_count": "many"}', "gave no sound answer: ValueError"),
        ('puppet {"refused": 7}', "gave no sound answer: TypeError"),
    ],
)
def test_what_kills_or_stops_the_reader_is_a_reason_in_words(toys, limited, does, said):
    limited(seconds=300)
    assert said in refusal(toys, does)


@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM"])
def test_a_process_that_was_ended_from_outside_is_worth_another_try(toys, name):
    with pytest.raises(Unavailable, match=rf"ended from outside, by {name}, when it used .* GiB of 4 GiB") as caught:
        inspected(toys, f"signal {name}")
    assert "FIRSTPASS_ADMISSION_MEMORY" in caught.value.fix


def test_a_process_that_just_ends_is_worth_another_try_and_its_last_words_are_told(toys):
    with pytest.raises(Unavailable, match="exit code 3 and no answer: out of order"):
        inspected(toys, "exit")


def test_what_is_not_installed_says_nothing_of_the_model(toys):
    with pytest.raises(NotInstalled, match="no_such_package is not installed"):
        inspected(toys, "lack")


def test_the_process_has_limits_no_secrets_no_gpu_and_a_session_of_its_own(toys, limited, monkeypatch, tmp_path):
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("FIRSTPASS_TOY_COLOUR", "red")
    limited(seconds=120, mib=1024)
    inspected(toys, f"tell {tmp_path / 'told'}")
    told = json.loads((tmp_path / "told").read_text())
    assert told["session"] == told["pid"] != os.getpid()
    assert "s3cret" not in json.dumps(told["environment"])
    assert not any(name.startswith(("AWS_", "AIRFLOW")) for name in told["environment"])
    assert told["environment"]["CUDA_VISIBLE_DEVICES"] == ""
    assert told["environment"]["FIRSTPASS_TOY_COLOUR"] == "red"
    assert told["limits"]["RLIMIT_CORE"] == [0, 0]
    assert told["limits"]["RLIMIT_FSIZE"][0] == 16 * 2**20
    assert told["limits"]["RLIMIT_CPU"][0] == 120 * os.cpu_count()
    assert 2**30 < told["limits"]["RLIMIT_DATA"][0] < 2**40
    assert told["limits"]["RLIMIT_NOFILE"][0] <= 1024
    assert told["score"] == "1000"
    assert Path(told["folder"]).name.startswith("firstpass-check-")
    assert not Path(told["folder"]).exists()


CHECK = """
import sys
from pathlib import Path
from firstpass.models.checking.weights_check import checking
with checking("toy", Path(sys.argv[1])) as check:
    check.inspect()
"""


def test_it_dies_with_whoever_asked(toys, tmp_path):
    told = tmp_path / "told"
    (toys / "weights.toy").write_text(f"tell {told}")
    (toys / "network.toy").write_text("nothing")
    script = CHECK + f"    Path({str(toys)!r}, 'weights.toy').write_text('spin')\n    check.inspect()\n"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    asking = subprocess.Popen([sys.executable, "-c", script, str(toys)], env=environment)
    child = _wait_for(lambda: json.loads(told.read_text())["pid"])
    assert asking.poll() is None
    asking.kill()
    asking.wait()
    assert _wait_for(lambda: not Path(f"/proc/{child}").exists() or _is_dead(child))


def _is_dead(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def _wait_for(look: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with suppress(OSError, ValueError):
            if found := look():
                return found
        time.sleep(0.05)
    raise AssertionError


def leave_early(folder: Path) -> None:
    with checking("toy", folder) as check:
        check.inspect()
        raise KeyError


def test_nothing_is_left_running_when_the_check_is_left_early(toys, tmp_path):
    told = tmp_path / "told"
    (toys / "weights.toy").write_text(f"tell {told}")
    with pytest.raises(KeyError):
        leave_early(toys)
    assert not Path(f"/proc/{json.loads(told.read_text())['pid']}").exists()
