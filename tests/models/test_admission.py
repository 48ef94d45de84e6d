"""What a model must pass, and what each fault is called."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import pytest

from firstpass.contracts.model_version import ModelFile
from firstpass.errors import FirstpassError
from firstpass.models import admission, resolution
from firstpass.models.admission import admit, content_hash, inspect
from firstpass.models.store import load_version
from firstpass.models.version_files import verify
from fixtures.mask_rcnn import blank
from fixtures.models import checking_here, make_model, tree, write_graph

DEFAULT = Path(__file__).resolve().parents[2] / "include" / "models" / "nanodet-coco"


@pytest.fixture(autouse=True)
def _here(weights_read_here) -> None:
    """The process that weights are read in has tests of its own."""


@pytest.fixture
def judged(model, store_folder):
    """Change one file of a sound model, and see what admission says."""

    def judge(**files: bytes) -> tuple[str, ...]:
        for name, data in files.items():
            (model / NAMES[name]).write_bytes(data)
        return inspect(model).reasons

    return judge


NAMES = {
    "classes": "classes.csv",
    "json": "label_map.json",
    "pbtxt": "label_map.pbtxt",
    "options": "model.yaml",
    "graph": "frozen_inference_graph.pb",
}


def test_a_sound_model_is_admitted(model, store_folder):
    version = admit("pets", model, "s3://training/pets")
    assert version.admitted
    assert version.reasons == ()
    assert (version.name, version.kind, version.threshold) == ("pets", "tfod_frozen_graph", 0.5)
    assert version.classes.names == {1: "cat", 2: "dog"}
    assert resolution.versions("pets") == [version]
    verify(version, store_folder / "pets" / version.version)


def test_the_artifacts_stay_where_they_are_and_only_what_counts_is_stored(model, store_folder):
    before = tree(model)
    version = admit("pets", model, "somewhere")
    assert tree(model) == before
    stored = tree(store_folder)
    assert set(stored) == {
        f"pets/{version.version}/{name}"
        for name in ("model.json", "frozen_inference_graph.pb", "classes.csv", "label_map.json")
    }


def test_the_same_bytes_are_the_same_version_wherever_they_come_from(model, store_folder, tmp_path):
    first = admit("pets", model, "here")
    copy = shutil.copytree(model, tmp_path / "copy")
    (copy / "NOTICE.md").write_text("a notice says nothing of what the model does")
    assert admit("pets", copy, "there") == first
    assert [v.source for v in resolution.versions("pets")] == ["here"]


def test_settings_beside_the_weights_and_of_the_source(model, store_folder):
    (model / "model.yaml").write_text("threshold: 0.3")
    plain = admit("pets", model, "here")
    other = admit("pets", model, "here", overrides={"threshold": 0.6})
    assert (plain.threshold, other.threshold) == (0.3, 0.6)
    assert plain.version != other.version
    assert other.options == {"threshold": 0.6}


def test_a_floor_is_the_versions(model, store_folder):
    assert admit("pets", model, "here").floor is None
    (model / "model.yaml").write_text("threshold: 0.8\nfloor: 0.3")
    plain = admit("pets", model, "here")
    assert (plain.floor, load_version(f"{store_folder}/pets/{plain.version}").floor) == (0.3, 0.3)
    other = admit("pets", model, "here", overrides={"floor": 0.6})
    assert other.admitted, "above the kind's own threshold, but not above the file's"
    assert (other.threshold, other.floor) == (0.8, 0.6)


@pytest.mark.parametrize(
    ("text", "overrides"), [("floor: 0.6", {}), ("floor: 0.3", {"threshold": 0.2}), ("threshold: 0.3", {"floor": 0.4})]
)
def test_a_floor_above_the_threshold_is_refused(model, store_folder, text, overrides):
    (model / "model.yaml").write_text(text)
    version = admit("pets", model, "here", overrides=overrides)
    assert not version.admitted
    assert "above the threshold" in version.reasons[0]


def test_unknown_settings_of_a_source_change_nothing(model, store_folder):
    with pytest.raises(FirstpassError, match="the source's options: unknown key 'treshold'"):
        admit("pets", model, "here", overrides={"treshold": 0.6})
    assert tree(store_folder) == {}


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "a\\b", "a..b", ".hidden", "x" * 101, "né", "a\n", "a."]
)
def test_a_name_that_could_be_a_path_is_refused(model, store_folder, name):
    with pytest.raises(FirstpassError, match="cannot name a model"):
        admit(name, model, "here")
    assert tree(store_folder) == {}


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"classes": b"labels\r\n"}, "classes.csv has 0 rows"),
        ({"classes": b'labels\r\ncat\r\n""\r\n'}, "classes.csv row 3: the name '' is empty or too long"),
        ({"classes": b"labels\r\ncat\r\ncat\r\n"}, "classes.csv row 3: the name 'cat' is there twice"),
        ({"classes": "labels\r\ncafé\r\ncafe\u0301\r\n".encode()}, "classes.csv row 3: the name 'café' is there twice"),
        ({"classes": b'labels\r\ncat\r\n"do\ng"\r\n'}, r"the name 'do\ng' holds a control character"),
        ({"classes": b"labels,id\r\ncat,1\r\ndog,2\r\n"}, "classes.csv row 1: the header is labels,id"),
        (
            {"json": b'{"label_map": {"1": "dog", "2": "cat"}}'},
            "classes.csv row 2: id 1 is 'cat' here, but 'dog' in label_map.json",
        ),
        ({"json": b'{"label_map": {"1": "cat"}}'}, "classes.csv row 3: id 2 is 'dog' here, but '' in label_map.json"),
        (
            {"json": b'{"label_map": {"1": "cat", "2": "dog", "7": "cow"}}'},
            "classes.csv (no row): id 7 is '' here, but 'cow'",
        ),
        ({"json": b"?"}, "label_map.json: is not JSON"),
        ({"pbtxt": b"item { id: 1 name: 'cat' } item { id: 2 name: 'cow' }"}, "but 'cow' in label_map.pbtxt"),
        ({"options": b"treshold: 1"}, "model.yaml: unknown key 'treshold'"),
        ({"graph": b"node { name: 'text' }"}, "frozen_inference_graph.pb"),
        ({"graph": b""}, "frozen_inference_graph.pb"),
    ],
)
def test_each_fault_is_a_reason_that_names_file_row_and_value(judged, files, reason):
    assert any(reason in given for given in judged(**files)), judged(**files)


def test_a_truncated_graph_is_refused(judged, tiny_graph):
    assert "frozen_inference_graph.pb" in judged(graph=tiny_graph.read_bytes()[:-20])[0]


def test_all_faults_are_told_at_once(judged):
    reasons = judged(classes=b'labels\r\n""\r\ncat\r\ncat\r\n', options=b"x: 1", json=b"?")
    assert len(reasons) >= 5


def test_what_is_odd_but_sound_is_a_warning(model, store_folder):
    (model / "classes.csv").write_bytes(b"labels\r\nhot dog\r\nHot_Dog\r\n")
    (model / "label_map.json").unlink()
    verdict = inspect(model)
    assert verdict.admitted
    assert any("'hotdog', but for case" in warning for warning in verdict.warnings)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"classes": (1, 3)}, "class id 3, which classes.csv does not have"),
        ({"classes": (0, 1)}, "class id 0, which classes.csv does not have"),
        ({"scores": (1.5, 0.2)}, "scores reach from 0.2 to 1.5"),
        ({"scores": (0.5, float("nan"))}, "scores or boxes are not finite"),
        ({"boxes": ((0, 0, 1, float("inf")), (0, 0, 1, 1))}, "scores or boxes are not finite"),
        ({"boxes": ((0, 0, 300, 300), (0, 0, 1, 1))}, "box corners reach from 0 to 300"),
    ],
)
def test_a_network_that_answers_nonsense_is_refused(tmp_path, store_folder, answer, reason):
    graph = write_graph(tmp_path / "frozen_inference_graph.pb", **answer)
    version = admit("pets", make_model(tmp_path / "artifacts", graph), "here")
    assert not version.admitted
    assert reason in version.reasons[0]


def test_mask_rcnn_ids_are_closed_up_and_counted_against_the_weights(tmp_path, store_folder):
    folder = tmp_path / "mask_rcnn"
    folder.mkdir()
    blank(folder / "mask_rcnn_pets_0030.h5")  # three classes and the background
    (folder / "model.yaml").write_text("{image_max_dim: 128, image_min_dim: 128}")
    (folder / "classes.csv").write_bytes(b"labels,id\r\nzebra,40\r\ncat,7\r\n")
    refused = admit("zoo", folder, "here")
    assert refused.reasons == ("classes.csv has 2 rows, but the network emits 3 classes (no background)",)
    (folder / "classes.csv").write_bytes(b"labels,id\r\nzebra,40\r\ncat,7\r\ndog,12\r\n")
    admitted = admit("zoo", folder, "here")
    assert (admitted.admitted, admitted.kind, admitted.threshold) == (True, "mask_rcnn", 0.7)
    assert admitted.classes.names == {1: "cat", 2: "dog", 3: "zebra"}
    assert resolution.resolve("zoo") == admitted


def test_a_refused_model_stays_visible_without_its_weights_and_the_previous_goes_on(model, store_folder, monkeypatch):
    good = admit("pets", model, "here")
    (model / "classes.csv").write_bytes(b"labels\r\ncat\r\ncat\r\n")
    bad = admit("pets", model, "here")
    assert not bad.admitted
    assert resolution.versions("pets") == [bad, good]
    assert resolution.resolve("pets") == good
    with pytest.raises(FirstpassError, match="is there twice"):
        resolution.resolve(bad.ref)


def test_weights_of_a_refused_model_are_not_kept(tmp_path, store_folder, tiny_graph):
    heavy = make_model(tmp_path / "artifacts", tiny_graph)
    (heavy / "frozen_inference_graph.pb").write_bytes(b"text" * 2**19)
    version = admit("pets", heavy, "here")
    kept = {path.name for path in (store_folder / "pets" / version.version).iterdir()}
    assert kept == {"model.json", "classes.csv", "label_map.json"}


@pytest.fixture
def probed(monkeypatch):
    """Says of every network what a test wants to hear, instead of running it; notes what it was given."""
    answers: list[str] = []
    given = []

    def probe(version, folder):
        given.append((version, sorted(path.name for path in folder.iterdir())))
        return list(answers)

    monkeypatch.setattr(admission, "checking", checking_here(probe))
    return SimpleNamespace(answers=answers, given=given)


def test_a_refused_model_is_judged_again_only_when_asked(model, store_folder, probed):
    probed.answers.append("an older Firstpass could not read it")
    refused = admit("pets", model, "here")
    assert (refused.admitted, refused.reasons) == (False, ("an older Firstpass could not read it",))
    probed.answers.clear()
    assert admit("pets", model, "here") == refused
    admitted = admit("pets", model, "here", again=True)
    assert admitted.admitted
    assert resolution.versions("pets") == [admitted]


def test_an_admitted_model_is_never_judged_again(model, store_folder, probed):
    admitted = admit("pets", model, "here")
    assert admit("pets", model, "elsewhere", again=True) == admitted
    assert len(probed.given) == 1


def test_the_network_runs_as_it_will_be_stored_and_only_when_all_else_is_in_order(model, store_folder, probed):
    admit("pets", model, "here", overrides={"threshold": 0.25})
    ((candidate, files),) = probed.given
    assert files == ["classes.csv", "frozen_inference_graph.pb", "label_map.json", "model.yaml"]
    assert (candidate.kind, candidate.threshold, candidate.options) == (
        "tfod_frozen_graph", 0.25, {"threshold": 0.25},
    )  # fmt: skip
    assert candidate.classes.names == {1: "cat", 2: "dog"}
    (model / "label_map.json").write_text("?")
    assert not admit("pets", model, "here").admitted
    assert len(probed.given) == 1


def test_warnings_are_logged_and_refuse_nothing(model, store_folder, probed, caplog):
    (model / "classes.csv").write_bytes(b"labels\r\nhot dog\r\nHot_Dog\r\n")
    (model / "label_map.json").unlink()
    version = admit("pets", model, "here")
    assert version.admitted
    assert f"{version.ref}: classes.csv row 2: 'hotdog', but for case" in caplog.text


def test_the_outcome_is_logged(model, store_folder, probed, caplog):
    caplog.set_level("INFO", "firstpass")
    version = admit("pets", model, "s3://training")
    assert caplog.messages[-1] == f"{version.ref} from s3://training: admitted"
    probed.answers += ["it sees ghosts", "and more"]
    (model / "classes.csv").write_bytes(b"labels\r\ncat\r\ndog\r\n\r\n")
    refused = admit("pets", model, "here")
    assert caplog.messages[-1] == f"{refused.ref} from here: REFUSED: it sees ghosts; and more"


def test_handed_over_files_are_moved_and_others_are_copied(model, store_folder, probed):
    admit("pets", model, "here", hand_over=True)
    assert sorted(path.name for path in model.iterdir()) == ["checkpoint"]


def test_what_a_source_says_goes_before_model_yaml_key_by_key(model, store_folder, probed):
    (model / "model.yaml").write_text("{threshold: 0.3, kind: tfod_frozen_graph}")
    version = admit("pets", model, "here", overrides={"threshold": 0.6})
    assert version.options == {"threshold": 0.6, "kind": "tfod_frozen_graph"}


def test_a_damaged_model_yaml_is_refused_whatever_the_source_says(model, store_folder, probed):
    (model / "model.yaml").write_text("treshold: 0.3")
    version = admit("pets", model, "here", overrides={"threshold": 0.6})
    assert not version.admitted
    assert "unknown key 'treshold'" in version.reasons[0]


def test_of_a_refused_model_small_files_are_kept_to_look_at(model, store_folder, probed):
    probed.answers.append("it sees ghosts")
    version = admit("pets", model, "here")
    assert (store_folder / "pets" / version.version / "frozen_inference_graph.pb").exists()


def test_reasons_name_files_as_people_know_them(model, store_folder, probed):
    (model / "frozen_inference_graph.pb").write_bytes(b"")
    (reason, *_) = admit("pets", model, "here").reasons
    assert reason.startswith("frozen_inference_graph.pb: ")


def test_a_decision_is_dated_now_to_a_thousandth_and_after_every_earlier_one(model, store_folder, probed):
    before = datetime.now(UTC)
    first = admit("pets", model, "here")
    decided = datetime.fromisoformat(first.decided_at)
    assert before - timedelta(milliseconds=1) <= decided <= datetime.now(UTC)
    record = store_folder / "pets" / first.version / "model.json"
    record.write_text(record.read_text().replace(first.decided_at, "2999-01-01T00:00:00.000+00:00"))
    second = admit("pets", model, "here", overrides={"threshold": 0.1})
    assert second.decided_at == "2999-01-01T00:00:00.001+00:00"


def test_a_source_whose_name_is_no_text_is_written_down_as_well_as_it_can_be(model, store_folder, probed):
    version = admit("pets", model, "/photos/caf\udce9")
    assert version.source == "/photos/caf?"
    assert load_version(f"{store_folder}/pets/{version.version}") == version


def test_the_hash_of_a_version_is_the_one_that_stores_already_have():
    """12 digits over names and contents, in any order and without notices: the name of a version's folder."""
    files = (ModelFile("classes.csv", "aa", 1), ModelFile("NOTICE.md", "bb", 2), ModelFile("weights.h5", "cc", 3))
    assert content_hash(files) == content_hash(files[::-1]) == content_hash((files[0], files[2]))
    assert content_hash(files) == sha256(b"aa classes.csv\ncc weights.h5\n").hexdigest()[:12]
    assert content_hash(files) != content_hash((*files[:2], replace(files[2], sha256="dd")))
    assert content_hash(files) != content_hash((*files[:2], replace(files[2], path="other.h5")))


def test_a_clock_that_was_set_back_does_not_keep_an_old_version_serving(model, store_folder, monkeypatch):
    first = admit("pets", model, "here")
    record = store_folder / "pets" / first.version / "model.json"
    record.write_text(record.read_text().replace(first.decided_at, "2999-01-01T00:00:00.000+00:00"))
    second = admit("pets", model, "here", overrides={"threshold": 0.1})
    assert resolution.resolve("pets") == second


def test_folders_that_hold_no_model_raise_and_change_nothing(model, store_folder):
    (model / "classes.csv").unlink()
    with pytest.raises(FirstpassError, match=r"classes\.csv is not"):
        admit("pets", model, "here")
    (model / "frozen_inference_graph.pb").unlink()
    with pytest.raises(FirstpassError, match="no weights"):
        admit("pets", model, "here")
    assert tree(store_folder) == {}


def test_data_docs_are_written_for_each_version(model, store_folder, tmp_path):
    version = admit("pets", model, "here")
    page = (tmp_path / "storage" / "models" / "pets" / version.version / "data_docs" / "index.html").read_text()
    assert "Admitted" in page
    assert "a name is there once" in page
    assert "label_map.json give an id the same name" in page


def test_data_docs_run_nothing_that_a_class_name_smuggles_in(model, store_folder, tmp_path):
    (model / "classes.csv").write_bytes(b"labels\r\n<script>1</script>\r\n<script>1</script>\r\n")
    version = admit("pets", model, "here")
    page = (tmp_path / "storage" / "models" / "pets" / version.version / "data_docs" / "index.html").read_text()
    assert "<script>" not in page
    assert "&lt;script&gt;1&lt;/script&gt;" in page


def test_the_store_may_be_full(model, store_folder, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(FirstpassError, match="No space left on device"):
        admit("pets", model, "here")
    assert tree(store_folder) == {}


def test_the_default_model_is_what_admission_makes_of_its_files(store_folder, tmp_path):
    (committed,) = (folder for folder in DEFAULT.iterdir() if (folder / "model.json").exists())
    record = load_version(str(committed))
    verify(record, committed)
    raw = shutil.copytree(committed, tmp_path / "raw", ignore=shutil.ignore_patterns("model.json"))
    again = admit("nanodet-coco", raw, record.source)
    assert again.decided_at > record.decided_at
    assert replace(again, decided_at="") == replace(record, decided_at="")
    assert record.admitted
    assert record.threshold == 0.4
