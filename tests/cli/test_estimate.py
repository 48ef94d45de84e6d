"""`firstpass estimate`: what is asked for, where the figures come from, and how they are told.

tests/chunks holds the figures themselves.
"""

from __future__ import annotations

import json
import logging

import pytest

from firstpass.chunks import profiles
from firstpass.chunks.estimate import expected, published
from firstpass.errors import FirstpassError
from firstpass.settings import settings
from fixtures.made_up_runs import VERSION, query

SSD = "ssd-mobilenet-v2"
PIXELS = 1280 * 960


@pytest.fixture
def ask(call):
    """`ask("--gpus", 2, …)`: an estimate for 1,000 images and a network that the published table has."""

    def ask(*arguments: object):
        given = [str(argument) for argument in arguments]
        model = () if "--model" in given else ("--model", SSD)
        return call("estimate", "--images", "1000", *model, *given)

    return ask


@pytest.fixture
def answer(ask):
    """The same, read as JSON."""

    def answer(*arguments: object) -> dict:
        result = ask(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    return answer


def own(machine: str = "cpu", gpus: int = 1, pixels: float = PIXELS, network: str = SSD, images: int = 1000):
    return expected(images, pixels, profiles.network(network), profiles.machine(machine), gpus)


def table(machine: str, gpus: int = 1, pixels: float = PIXELS, uncompressed: bool = False):
    return published(1000, pixels, profiles.network(SSD), profiles.machine(machine), gpus, uncompressed)


class TestForPeople:
    """One line per estimate."""

    def test_the_published_table_comes_first_then_our_own_then_a_cpu(self, ask):
        ours, cpu = own("v100", 4), own("cpu")
        assert ask("--machine", "v100", "--gpus", 4).stdout.splitlines() == [
            f"published table: {table('v100', 4).gpu_hours:.2f} GPU-hours, {table('v100', 4)}",
            f"firstpass: {ours.gpu_hours:.2f} GPU-hours, {ours}",
            f"firstpass on one CPU machine: {cpu}",
        ]

    def test_a_machine_that_the_table_does_not_have_has_no_line_of_it(self, ask):
        lines = ask("--machine", "h100").stdout.splitlines()
        assert [line.split(":")[0] for line in lines] == ["firstpass", "firstpass on one CPU machine"]

    def test_a_cpu_is_told_once_and_without_gpu_hours(self, ask):
        assert ask("--machine", "cpu").stdout == f"firstpass: {own()}\n"
        assert ask().stdout == ask("--machine", "cpu", "--gpus", "1", "--resolution", "1280x960").stdout

    def test_several_cpus_are_told_once_too(self, ask):
        assert ask("--gpus", 3).stdout == f"firstpass: {own(gpus=3)}\n"

    def test_a_machine_that_cuda_does_not_run_on_is_for_comparison_only(self, ask):
        assert ask("--machine", "k80").stdout.splitlines()[-1].startswith("k80: for comparison only: CUDA 12")


class TestForMachines:
    """The published estimate, or our own where there is none, with the others beside it."""

    def test_the_answer_is_the_tables(self, answer):
        told = answer("--machine", "k80")
        assert (told["machine"], told["minutes"], told["source"]) == ("k80", table("k80").minutes, table("k80").source)
        assert "does not run on a K80" in told["caveat"]
        assert [(each["what"], each["machine"], each["minutes"]) for each in told["beside"]] == [
            ("firstpass", "k80", own("k80").minutes),
            ("firstpass on one CPU machine", "cpu", own().minutes),
        ]

    def test_the_answer_is_our_own_where_the_table_has_none(self, answer):
        told = answer("--machine", "t4", "--gpus", 2)
        beside = told.pop("beside")
        assert told == {name: value for name, value in beside[0].items() if name != "what"}
        assert told["minutes"] == own("t4", 2).minutes
        assert (beside[1]["workers"], beside[1]["machine"]) == (1, "cpu")

    def test_a_cpu_is_beside_itself_so_that_machines_always_find_both(self, answer):
        assert [each["machine"] for each in answer()["beside"]] == ["cpu", "cpu"]

    def test_uncompressed_images_are_the_tables_affair(self, answer):
        plain, larger = answer("--machine", "v100"), answer("--machine", "v100", "--uncompressed")
        assert larger["minutes"] == table("v100", uncompressed=True).minutes > plain["minutes"]
        assert larger["beside"] == plain["beside"]


class TestWhatIsAskedFor:
    """Options are checked before anything is estimated."""

    @pytest.mark.parametrize(
        ("resolution", "pixels"),
        [
            ("1x1", 1),
            ("640x480", 640 * 480),
            ("640X480", 640 * 480),
            ("640×480", 640 * 480),
            (" 640x480\n", 640 * 480),
            ("999999x2", 999_999 * 2),
            ("4000x3000", 12_000_000),
        ],
    )
    def test_a_resolution_is_width_times_height(self, answer, resolution, pixels):
        assert answer("--machine", "k80", "--resolution", resolution)["minutes"] == table("k80", pixels=pixels).minutes

    @pytest.mark.parametrize(
        "resolution",
        [
            *("", "x", "640", "640x", "x480", "0x480", "640x0", "0640x480", "1000000x1", "1x1000000", "-1x1", "1.5x1"),
            *("640 x 480", "640x480x3", "640*480", "640x480 px", "٣x٣"),
        ],
    )
    def test_anything_else_is_refused_with_an_example(self, ask, resolution):
        error = ask("--resolution", resolution).exception
        assert isinstance(error, FirstpassError)
        assert error.problem == f"--resolution is {resolution!r}"
        assert "1280x960" in error.fix

    def test_a_long_one_is_cut_in_the_error(self, ask):
        assert ask("--resolution", "9" * 51).exception.problem == f"--resolution is '{'9' * 50}'"

    @pytest.mark.parametrize("gpus", [1, 1024])
    def test_so_many_machines_there_may_be(self, ask, gpus):
        assert ask("--gpus", gpus).exit_code == 0

    @pytest.mark.parametrize(
        ("arguments", "option"),
        [
            (("--gpus", 0), "--gpus"),
            (("--gpus", 1025), "--gpus"),
            (("--images", 0), "--images"),
            (("--images", -1), "--images"),
            (("--images", "many"), "--images"),
        ],
    )
    def test_fewer_or_more_there_may_not(self, ask, arguments, option):
        result = ask(*arguments)
        assert result.exit_code == 2
        assert option in result.stderr

    def test_a_single_image_can_be_asked_for(self, call):
        assert json.loads(call("estimate", "--images", "1", "--model", SSD, "--json").stdout)["images"] == 1

    @pytest.mark.parametrize("missing", ["--images", "--model"])
    def test_there_is_no_estimate_without_number_and_model(self, call, missing):
        given = {"--images": "1", "--model": SSD}
        del given[missing]
        result = call("estimate", *(word for pair in given.items() for word in pair))
        assert result.exit_code == 2
        assert f"Missing option '{missing}'" in result.stderr


class TestModels:
    """A built-in profile, or a model of the store with what its chunks reached."""

    def test_an_unknown_one_is_refused_with_the_profiles_that_there_are(self, ask, store_folder):
        error = ask("--model", "nothing").exception
        assert isinstance(error, FirstpassError)
        assert "nothing" in error.problem
        assert error.fix.endswith(f"; or use a built-in profile: {', '.join(profiles.networks())}")

    def test_one_of_the_store_has_the_cost_of_its_kind_with_its_own_weights(self, answer, stored):
        profile = profiles.network_of(stored("pets"))
        told = answer("--model", "pets", "--machine", "t4")
        assert told["minutes"] == expected(1000, PIXELS, profile, profiles.machine("t4")).minutes
        assert told["source"].startswith("scaled to t4: taken to be like ssd-mobilenet-v2, ")

    def test_one_of_the_store_goes_before_a_profile_of_its_name_even_when_no_night_may_use_it(self, ask, stored):
        assert ask("--model", "nanodet-coco").exit_code == 0
        stored("nanodet-coco", admitted=False, reasons=("it has no classes",))
        error = ask("--model", "nanodet-coco").exception
        assert isinstance(error, FirstpassError)
        assert "or use a built-in profile" in error.fix

    def test_a_version_can_be_asked_for(self, answer, ask, stored):
        stored("pets", "aaaaaaaaaaaa")
        stored("pets", "bbbbbbbbbbbb")
        assert answer("--model", "pets@aaaaaaaaaaaa")["images"] == 1000
        assert "cccccccccccc" in ask("--model", "pets@cccccccccccc").exception.problem

    def test_without_a_warehouse_there_is_an_estimate_all_the_same_and_at_once(self, answer, stored, caplog):
        """The store's fixture names a warehouse that nobody serves."""
        stored("pets")
        with caplog.at_level(logging.WARNING, "firstpass"):
            assert "taken to be like" in answer("--model", "pets")["source"]
        assert "waiting for it" not in caplog.text

    def test_a_warehouse_without_tables_is_the_same_as_none(self, answer, stored, postgres_dsn, monkeypatch):
        stored("pets")
        monkeypatch.setenv("FIRSTPASS_WAREHOUSE_DSN", postgres_dsn)
        settings.cache_clear()
        assert "taken to be like" in answer("--model", "pets")["source"]

    def test_what_its_chunks_reached_is_believed_of_the_machine_that_they_ran_on(
        self, answer, stored, warehouse, night
    ):
        assert stored("toy", VERSION.version).ref == VERSION.ref
        night("a run")
        marker = {"device": "Tesla T4", "images_per_second": 2.0, "pixels": PIXELS}
        query(
            warehouse,
            "INSERT INTO chunks (run_id, chunk, state, images, marker) VALUES ('a run', 0, 'merged', 100, %s)",
            json.dumps(marker),
        )
        told = answer("--model", "toy", "--machine", "t4")
        assert told["source"] == f"measured in earlier runs of {VERSION.ref} on t4"
        assert told["minutes"] == pytest.approx((500 + 45 * told["chunks"]) / 60, abs=0.01)
        assert "measured" not in answer("--model", "toy", "--machine", "v100")["source"].split(",")[0]
