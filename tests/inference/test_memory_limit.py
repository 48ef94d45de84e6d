"""What a chunk's process may hold: as set, or of what the machine has."""

from __future__ import annotations

import os

import pytest

from firstpass.errors import FirstpassError
from firstpass.inference.memory_limit import in_bytes, limit_of, memory_limit, pod_memory_limit, resident
from firstpass.settings import settings


@pytest.fixture(autouse=True)
def given(monkeypatch):
    """Settings for this test."""

    def put(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"FIRSTPASS_{name.upper()}", value)
        settings.cache_clear()

    yield put
    monkeypatch.undo()
    settings.cache_clear()


@pytest.mark.parametrize(
    ("quantity", "size"),
    [
        ("", None),
        ("512", 512),
        ("8Gi", 8 * 2**30),
        ("1.5Gi", 3 * 2**29),
        ("700Mi", 700 * 2**20),
        ("2Ki", 2048),
        ("1Ti", 2**40),
        ("8G", 8 * 10**9),
        ("5M", 5 * 10**6),
        ("5k", 5000),
        ("1e9", 10**9),
        ("much", None),
        ("8 Gi", None),
        ("8gb", None),
    ],
)
def test_quantities_as_kubernetes_writes_them(quantity, size):
    assert in_bytes(quantity) == size


def test_the_setting_counts_alone(given):
    given(memory="3Gi", workers="4")
    assert memory_limit() == 3 * 2**30
    assert limit_of("local") == 3 * 2**30


@pytest.mark.parametrize("wrong", ["8gb", "-1", "lots", "8 Gi"])
def test_a_setting_that_is_no_amount_is_refused(given, wrong):
    given(memory=wrong)
    with pytest.raises(FirstpassError, match="FIRSTPASS_MEMORY"):
        memory_limit()


def test_without_it_workers_share_four_fifths_of_the_machine_and_each_has_four_gib(given):
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    given(memory="", workers="1")
    assert 4 * 2**30 <= memory_limit() <= max(4 * 2**30, there * 0.8)
    given(workers="1000")
    assert memory_limit() == 4 * 2**30


def test_a_pod_s_process_has_nine_tenths_of_the_pod_s(given):
    given(memory="3Gi", kubernetes_memory="10Gi")
    assert pod_memory_limit() == limit_of("kubernetes") == 9 * 2**30
    given(kubernetes_memory="odd")
    assert pod_memory_limit() is None
    assert limit_of("kubernetes") == 3 * 2**30


def test_what_a_process_holds_is_told_and_nothing_of_one_that_is_gone():
    held = resident(os.getpid())
    assert held is not None
    assert 10 * 2**20 < held < 2**36
    assert resident(2**22 + 1) is None
