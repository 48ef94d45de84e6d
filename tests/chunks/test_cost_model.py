"""What an image costs on a machine, how many fit into a batch, and how many chunks work makes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstpass.chunks import profiles
from firstpass.chunks.cost_model import AIMED_CHUNKS, MAX_CHUNKS, Rate, batch_size, chunk_count, image_seconds, rate
from firstpass.chunks.profiles import CUDA_MEMORY, MIB, MachineProfile
from firstpass.contracts.network_profile import REFERENCE_PIXELS, NetworkProfile
from firstpass.errors import FirstpassError

# 2 s per photograph on two cores, of which a quarter is for reading it.
NETWORK = NetworkProfile("toy", 100 * MIB, 50 * MIB, 2.0, 0.25, "made up")


def gpu(speed: float | None = 1.0, memory: int = 0, batch_limit: int = 32) -> MachineProfile:
    return MachineProfile("box", memory, speed, 45.0, batch_limit)


class TestRate:
    """Seconds per photograph, and where the number is from."""

    def test_of_a_cpu_is_as_measured_there(self):
        assert rate(NETWORK, gpu(None)) == Rate(2.0, "made up")

    def test_of_a_gpu_is_the_network_s_share_scaled(self):
        """A K80 does in an eighth of the time what two cores do."""
        assert rate(NETWORK, gpu(0.25)) == Rate(1.5 / 2, "scaled to box: made up")

    def test_of_a_fast_gpu_is_what_reading_takes(self):
        assert rate(NETWORK, gpu(100.0)).seconds == 0.5

    def test_is_as_reached_in_earlier_runs(self):
        asked = []

        def measured(model, machine):
            asked.append((model, machine))
            return 4.0, float(REFERENCE_PIXELS)

        learned = rate(NETWORK, gpu(), "toy@1", measured)
        assert learned == Rate(0.25, "measured in earlier runs of toy@1 on box")
        assert asked == [("toy@1", "box")]

    def test_is_not_as_reached_where_nothing_was(self):
        asked = []
        assert rate(NETWORK, gpu(None), measured=lambda *what: asked.append(what)) == Rate(2.0, "made up")
        assert asked == [("", "box")]

    def test_that_was_reached_on_big_images_is_brought_down_to_photographs(self):
        big = rate(NETWORK, gpu(), "m@1", lambda *_: (10.0, 4.0 * REFERENCE_PIXELS))
        assert big.seconds == pytest.approx(0.1 / (0.75 + 0.25 * 4))


def test_what_grows_with_an_image_is_its_reading():
    pixels = REFERENCE_PIXELS * np.array([0.0, 1.0, 5.0])
    assert image_seconds(Rate(2.0, ""), NETWORK, pixels).tolist() == [1.5, 2.0, 4.0]


class TestBatches:
    """The largest power of two that fits nine tenths of the memory and is still of use."""

    def memory(self, images: float, pixels: float = REFERENCE_PIXELS, cuda: int = 0) -> int:
        """What has room for so many: the weights twice, and each as read and as float for the graph to resize."""
        return int((2 * NETWORK.weights + cuda + images * (NETWORK.image_memory + 15 * pixels)) / 0.9) + 1

    @pytest.mark.parametrize(("room", "batch"), [(1, 1), (1.99, 1), (2, 2), (7.9, 4), (8, 8), (33, 32), (70, 32)])
    def test_fill_it_and_no_more(self, room, batch):
        assert batch_size(NETWORK, gpu(None, self.memory(room))) == batch

    def test_leave_room_for_the_driver_of_a_gpu(self):
        assert batch_size(NETWORK, gpu(1.0, self.memory(4, cuda=CUDA_MEMORY))) == 4
        assert batch_size(NETWORK, gpu(1.0, self.memory(3.99, cuda=CUDA_MEMORY))) == 2

    def test_of_larger_images_are_smaller(self):
        memory = self.memory(4, pixels=24e6)
        assert batch_size(NETWORK, gpu(None, memory), 24e6) == 4
        assert batch_size(NETWORK, gpu(None, memory), 24.1e6) == 2

    def test_stop_where_nothing_is_gained(self):
        assert batch_size(NETWORK, gpu(None, self.memory(1000), batch_limit=12)) == 8

    def test_of_the_built_in_machines(self):
        mask = profiles.network("mask-rcnn")
        sizes = {name: batch_size(mask, profiles.machine(name)) for name in ("k80", "v100", "a100", "h100")}
        assert sizes == {"k80": 4, "v100": 8, "a100": 16, "h100": 32}
        assert batch_size(profiles.network("ssd-mobilenet-v2"), profiles.machine("cpu")) == 8

    def test_that_have_no_room_for_one_are_told_at_planning(self, configure):
        configure(machines='{"toy": {"memory_gib": 2, "speed": 0.5}}')
        with pytest.raises(
            FirstpassError, match=r"mask-rcnn does not fit toy: it needs 2\.7 GiB for a batch of one, and 1\.8 GiB are"
        ):
            batch_size(profiles.network("mask-rcnn"), profiles.machine("toy"))
        with pytest.raises(FirstpassError, match="toy does not fit box"):
            batch_size(NETWORK, gpu(None, self.memory(0.99)))


class TestChunkCount:
    """Chunks last twenty times their start-up, are at most so many, and leave no worker idle in the last round."""

    @pytest.mark.parametrize(("seconds", "count"), [(0, 1), (239, 1), (479, 1), (480, 2), (719, 2), (720, 3)])
    def test_grows_with_the_work(self, seconds, count):
        assert chunk_count(seconds, 12.0) == count

    @pytest.mark.parametrize(("count", "rounds"), [(3, 3), (4, 4), (5, 4), (7, 4), (8, 8), (9, 8)])
    def test_above_the_workers_is_a_multiple_of_them(self, count, rounds):
        assert chunk_count(240 * count, 12.0, 4) == rounds

    def test_is_bounded(self):
        assert (AIMED_CHUNKS, MAX_CHUNKS) == (200, 1024)
        assert [chunk_count(1e9, 12.0, workers) for workers in (1, 3, 201, 1024)] == [200, 198, 201, 1024]

    @given(st.floats(0, 1e9), st.floats(1, 100), st.integers(1, 1024))
    def test_start_up_is_at_most_a_twentieth_of_the_work(self, seconds, start_up, workers):
        count = chunk_count(seconds, start_up, workers)
        assert 1 <= count <= max(AIMED_CHUNKS, workers)
        assert count == 1 or count * start_up <= seconds / 20 * (1 + 1e-9)
        assert count <= workers or count % workers == 0
