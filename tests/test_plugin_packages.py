"""The walk-throughs' examples, installed as packages of their own: found, admitted, run, exported, told of."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "docs" / "examples"
UV = Path(sys.executable).with_name("uv")


def install(target: Path, *packages: Path) -> None:
    """As pip would, into a folder of their own that `PYTHONPATH` adds to the environment."""
    command = [UV, "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target", target, *packages]
    subprocess.run([*command, "--python", sys.executable], check=True)


@pytest.fixture(scope="session")
def installed(tmp_path_factory) -> Path:
    """The four examples, and one plugin of each group that cannot be used."""
    broken = tmp_path_factory.mktemp("broken")
    (broken / "firstpass_broken.py").write_text("import no_such_package\n")
    groups = {
        "firstpass.detectors": 'worn = "firstpass_broken:KIND"\ntfod_frozen_graph = "json:dumps"',
        "firstpass.sources": 'worn = "firstpass_broken:SOURCE"',
        "firstpass.exports": 'worn = "json:dumps"',
        "firstpass.notifiers": 'worn = "firstpass_broken:NOTIFIER"',
    }
    entries = "\n".join(f'[project.entry-points."{group}"]\n{entry}' for group, entry in groups.items())
    (broken / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        f'[project]\nname = "broken"\nversion = "1"\n{entries}\n[tool.setuptools]\npy-modules = ["firstpass_broken"]\n'
    )
    target = tmp_path_factory.mktemp("installed")
    install(target, *(EXAMPLES / name for name in ("detector", "source", "export", "notifier")), broken)
    return target


@pytest.fixture
def home(tmp_path) -> Path:
    """A model of the example's kind, two photographs that it fits once, and a list of them."""
    noise = np.random.default_rng(1).integers(0, 255, (60, 80, 3), np.uint8)
    model = tmp_path / "models" / "crosses"
    model.mkdir(parents=True)
    Image.fromarray(noise[20:40, 30:60]).save(model / "template.png")
    (model / "classes.csv").write_bytes(b"labels\r\ncross\r\n")
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.fromarray(noise).save(photos / "with.png")
    Image.fromarray(noise[::-1].copy()).save(photos / "without.png")
    (tmp_path / "photos.txt").write_text("".join(f"{path}\n" for path in sorted(photos.iterdir())))
    return tmp_path


@pytest.fixture
def run_python(installed, home, warehouse_dsn):
    """A script in a process of its own, with the packages in its environment; gives what it prints, read as JSON."""

    def run(script: str) -> dict:
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join([str(installed), *filter(None, [os.environ.get("PYTHONPATH")])]),
            "FIRSTPASS_HOME": str(home),
            "FIRSTPASS_MODELS": str(home / "models"),
            "FIRSTPASS_STORAGE": str(home / "storage"),
            "FIRSTPASS_WAREHOUSE_DSN": warehouse_dsn,
            "FIRSTPASS_FILE_PATH": str(home / "told.txt"),
        }
        done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1]) | {"stderr": done.stderr}

    return run


NIGHT = """
import json
from contextlib import closing
from pathlib import Path
import psycopg2
import firstpass
from firstpass.exports.export_run import export
from firstpass.models import kinds
from firstpass.models.resolution import resolve
from firstpass.nightly import preannotate
from firstpass.settings import home
from firstpass.warehouse.connection import connect
from firstpass.warehouse.runs import find_run

version = resolve("crosses")
request = preannotate.RunRequest("night", f"list:{home()}/photos.txt", "crosses")
run = preannotate.resolve_model(request)
preannotate.admit_model(run)
preannotate.catalogue_images(run)
chunks = preannotate.plan_chunks(run)
for chunk in chunks:
    preannotate.infer(chunk)
counts = preannotate.merge(run, chunks)
verdict = preannotate.check(run)
report = preannotate.report(run)
with closing(connect()) as connection:
    export(connection, "night", "csv", Path(home(), "out"))
found = [list(each.names) for each in firstpass.load_model("crosses").detect(sorted(Path(home(), "photos").iterdir()))]
print(json.dumps({"kind": version.kind, "admitted": version.admitted, "counts": counts, "verdict": verdict,
                  "report": report, "found": found, "kinds": sorted(kinds.kinds())}))
"""


def test_a_kind_a_source_and_a_format_of_other_packages_make_a_night(run_python, home):
    night = run_python(NIGHT)
    assert night["kinds"] == ["mask_rcnn", "template", "tfod_frozen_graph", "tfod_saved_model"]
    assert (night["kind"], night["admitted"]) == ("template", True)
    assert night["counts"] == {"chunks": 1, "images": 2, "detections": 1, "drafts": 1, "failed": 0}
    assert night["verdict"] != "failed"
    assert night["found"] == [["cross"], []]
    rows = (home / "out" / "drafts.csv").read_text().splitlines()
    assert rows == ["image,class,score,x1,y1,x2,y2", f"list:{home}/photos/with.png,cross,1.0000,30.0,20.0,60.0,40.0"]
    assert "cross" in Path(night["report"]).read_text()


def test_a_plugin_that_is_broken_is_named_and_stops_nothing(run_python):
    script = """
import json
from firstpass.errors import FirstpassError
from firstpass.exports.formats import formats, format_of
from firstpass.images.sources import source_of
from firstpass.models.kinds import kind_of
def problem(find, name):
    try:
        find(name)
    except FirstpassError as error:
        return error.problem
print(json.dumps({"kind": problem(kind_of, "worn"), "source": problem(source_of, "worn:1"),
                  "format": problem(format_of, "worn"), "formats": sorted(formats()),
                  "frozen": kind_of("tfod_frozen_graph").title}))
"""
    found = run_python(script)
    for part in ("kind", "source"):
        assert "the plugin firstpass_broken:" in found[part]
        assert "of the package broken" in found[part]
        assert "No module named 'no_such_package'" in found[part]
    assert "is not what firstpass.exports is for" in found["format"]
    assert found["formats"] == ["coco", "csv", "cvat", "datumaro", "label_studio", "voc", "yolo"]
    assert found["frozen"] == "a TF Object Detection API graph", "Firstpass' own part goes before a namesake"
    assert found["stderr"].count("cannot be imported") == 2, "said once per part"


def test_a_notifier_with_settings_of_its_own(run_python, home):
    script = """
import json
from firstpass.airflow import notifications
notifications.run_failed({"run_id": "night"})
print(json.dumps({"wanted": notifications.wanted()}))
"""
    assert run_python(script)["wanted"]
    (line,) = (home / "told.txt").read_text().splitlines()
    assert line.startswith("failed: Pre-annotation failed http")


def test_an_example_is_short_enough_to_be_read():
    for path in EXAMPLES.rglob("*.py"):
        assert len(path.read_text().splitlines()) <= 40, path


def test_settings_of_a_plugin_that_is_installed_are_known_before_anything_is_imported(run_python, home):
    script = """
import json
from firstpass.errors import FirstpassError
from firstpass.settings import settings
try:
    said = settings().model
except FirstpassError as error:
    said = error.fix
print(json.dumps({"said": said}))
"""
    (home / ".env").write_text("FIRSTPASS_FILE_PATH=/told.txt\n")
    assert run_python(script)["said"] == "nanodet-coco"
    (home / ".env").write_text("FIRSTPASS_FILE_PTAH=/told.txt\n")
    assert "did you mean FIRSTPASS_FILE_PATH?" in run_python(script)["said"]
    (home / ".env").write_text("FIRSTPASS_WORN_COLOUR=red\n")  # of the one that cannot be imported, for all we know
    assert run_python(script)["said"] == "nanodet-coco"
