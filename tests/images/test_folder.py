"""A folder becomes a list of images, always in one order; what cannot be listed says what to do."""

from __future__ import annotations

import errno
import os
import re
import socket
from collections import Counter
from pathlib import Path

import pytest

from firstpass import storage
from firstpass.contracts.image_reference import ImageRef
from firstpass.contracts.image_source import LeftOut
from firstpass.contracts.outcome import Outcome
from firstpass.errors import FirstpassError, Unavailable
from firstpass.images import fetching, local_files
from firstpass.images.folder import FOLDER
from firstpass.images.sources import check, list_images
from firstpass.settings import settings


def put(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"1234")


def names(root: Path) -> list[str]:
    found = [storage.local_path(ref.uri) for ref in list_images(str(root)) if isinstance(ref, ImageRef)]
    return [str(path.relative_to(root.resolve())) for path in found]


def left_out(root: Path) -> dict[str, LeftOut]:
    """By what follows the root's URI."""
    found = [each for each in list_images(str(root)) if isinstance(each, LeftOut)]
    return {each.uri.removeprefix(storage.file_uri(root.resolve()) + "/"): each for each in found}


@pytest.fixture
def roots(monkeypatch):
    """Set image_roots."""

    def set_to(*paths: Path) -> None:
        monkeypatch.setenv("FIRSTPASS_IMAGE_ROOTS", ":".join(map(str, paths)))
        settings.cache_clear()

    yield set_to
    settings.cache_clear()


def test_images_of_a_folder_and_below_in_order_of_path(tmp_path):
    put(
        tmp_path,
        "b.JPG",
        "a/2.png",
        "a/10.Tiff",
        "a/deep/er/x.webp",
        "notes.txt",
        "jpg",
        "a.jpeg",
        "é ü.gif",
        "iphone.HEIC",
    )
    assert names(tmp_path) == ["a/10.Tiff", "a/2.png", "a/deep/er/x.webp", "a.jpeg", "b.JPG", "iphone.HEIC", "é ü.gif"]


def test_a_reference_tells_size_and_time_of_change(tmp_path):
    put(tmp_path, "a.jpg")
    (first,) = list_images(str(tmp_path))
    assert (first.uri, first.size, first.sha256, first.width) == (f"file://{tmp_path}/a.jpg", 4, None, None)
    (same,) = list_images(f"file://{tmp_path}")
    assert same == first
    os.utime(tmp_path / "a.jpg", ns=(0, 1))
    (changed,) = list_images(str(tmp_path))
    assert changed.etag != first.etag


def test_hidden_files_and_folders_are_left_out(tmp_path):
    put(tmp_path, ".a.jpg", "._b.jpg", ".cache/c.jpg", "d.jpg")
    assert names(tmp_path) == ["d.jpg"]


@pytest.mark.parametrize(
    "name", [b"with space.jpg", "写真.jpg".encode(), b"100%?#x.jpg", b"latin1-\xe9.jpg", b"new\nline.jpg"]
)
def test_any_name_comes_back_from_its_uri(tmp_path, name):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
    path.write_bytes(b"1234")
    (ref,) = list_images(str(tmp_path))
    assert ref.uri.isascii()
    assert storage.local_path(ref.uri) == path
    assert fetching.fetch(ref) == b"1234"


def test_links_to_files_are_followed_and_those_that_lead_nowhere_are_left_out(tmp_path):
    put(tmp_path, "store/real.jpg", "images/a.jpg")
    (tmp_path / "images" / "link.jpg").symlink_to(tmp_path / "store" / "real.jpg")
    (tmp_path / "images" / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    (tmp_path / "images" / "self.jpg").symlink_to(tmp_path / "images" / "self.jpg")
    (tmp_path / "images" / "not an image").symlink_to(tmp_path / "nowhere")
    refs = {Path(ref.uri).name: ref for ref in list_images(str(tmp_path / "images"))}
    assert list(refs) == ["a.jpg", "gone.jpg", "link.jpg", "self.jpg"]
    assert fetching.fetch(refs["link.jpg"]) == b"1234"
    assert refs["gone.jpg"].outcome is Outcome.MISSING
    assert refs["gone.jpg"].reason == f"is a link to {tmp_path}/nowhere.jpg, which is not there"
    assert refs["self.jpg"].outcome is Outcome.UNREADABLE
    assert refs["self.jpg"].reason == "is a link that leads back to itself"


def test_loops_of_links_end(tmp_path):
    put(tmp_path, "images/a/x.jpg", "images/b/y.jpg", "outside/z.jpg", "beside/not through the parent.jpg")
    (tmp_path / "images" / "a" / "up").symlink_to(tmp_path / "images")
    (tmp_path / "images" / "a" / "b").symlink_to(tmp_path / "images" / "b")
    (tmp_path / "images" / "self").symlink_to(tmp_path / "images" / "self")
    (tmp_path / "images" / "parent").symlink_to(tmp_path)
    (tmp_path / "images" / "out").symlink_to(tmp_path / "outside")
    (tmp_path / "images" / "out2").symlink_to(tmp_path / "outside")
    (tmp_path / "outside" / "back").symlink_to(tmp_path / "images")
    (tmp_path / "outside" / "again").symlink_to(tmp_path / "outside")
    assert names(tmp_path / "images") == ["a/x.jpg", "b/y.jpg", "out/z.jpg"]


@pytest.mark.timeout(10)
def test_what_is_named_like_an_image_and_is_no_file_is_left_out_unopened(tmp_path):
    put(tmp_path, "a.jpg")
    os.mkfifo(tmp_path / "b.jpg")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "c.jpg").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(tmp_path / "d.jpg"))
    found = left_out(tmp_path)
    assert names(tmp_path) == ["a.jpg"]
    assert list(found) == ["b.jpg", "c.jpg", "d.jpg"]
    for name, kind in (("b.jpg", "a named pipe"), ("c.jpg", "a device"), ("d.jpg", "a socket")):
        assert found[name].reason.startswith(f"is {kind}, which is not opened")
        assert found[name].outcome is Outcome.UNREADABLE


class TestFailures:
    """What the system refuses; by hand, since root, who runs the tests in a container, may read everything."""

    @pytest.fixture(autouse=True)
    def at_once(self, monkeypatch):
        monkeypatch.setattr(local_files, "PAUSES", (0, 0, 0))

    @pytest.fixture
    def fail(self, monkeypatch):
        """`fail("sub", errno.EIO, 2)`: listing a folder of that name fails so often, then works."""
        left, tried, scandir = {}, Counter(), os.scandir

        def failing(path):
            name = Path(path).name
            tried[name] += 1
            number, times = left.get(name, (0, 0))
            if tried[name] <= times:
                raise OSError(number, os.strerror(number))
            return scandir(path)

        def arrange(name: str, number: int, times: int = 10**6) -> Counter[str]:
            left[name] = (number, times)
            return tried

        monkeypatch.setattr(os, "scandir", failing)
        return arrange

    @pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.EAGAIN, errno.ENOTCONN, errno.EHOSTDOWN])
    def test_that_pass_are_waited_out(self, tmp_path, fail, number):
        put(tmp_path, "a.jpg", "sub/b.jpg")
        tried = fail("sub", number, times=3)
        assert names(tmp_path) == ["a.jpg", "sub/b.jpg"]
        assert tried["sub"] == 4
        assert left_out(tmp_path) == {}

    @pytest.mark.parametrize(
        ("number", "tries", "reason"),
        [
            (errno.EACCES, 1, rf"Permission denied\. Let user {os.geteuid()} read and enter it"),
            (errno.EIO, 4, r"Input/output error\. Check the disk or the mount"),
            (errno.ESTALE, 4, "Stale file handle"),
        ],
    )
    def test_that_stay_are_a_row_for_the_folder(self, tmp_path, fail, number, tries, reason):
        put(tmp_path, "a.jpg", "sub ü/b.jpg", "z.jpg")
        tried = fail("sub ü", number)
        assert names(tmp_path) == ["a.jpg", "z.jpg"]
        assert tried["sub ü"] == tries
        (found,) = left_out(tmp_path).values()
        assert found.uri == storage.file_uri(tmp_path / "sub ü") + "/"
        assert found.outcome is Outcome.UNREADABLE
        assert re.search(
            "^this folder could not be listed, and none of its images is in the run: " + reason, found.reason
        )

    def test_of_a_server_that_is_away_are_no_folder_s_fault(self, tmp_path, fail):
        put(tmp_path, "a.jpg", "sub/b.jpg")
        fail("sub", errno.EHOSTDOWN)
        with pytest.raises(Unavailable, match="sub cannot be read: Host is down") as error:
            list(list_images(str(tmp_path)))
        assert "mount" in error.value.fix

    def test_of_the_whole_source_are_no_folder_s_fault_either(self, tmp_path, monkeypatch, fail):
        put(tmp_path, "images/a.jpg", "images/sub/b.jpg")
        fail("sub", errno.EIO)
        listing = list_images(str(tmp_path / "images"))
        assert next(listing).uri.endswith("a.jpg")
        fail("images", errno.EIO)
        with pytest.raises(Unavailable, match="images cannot be read: Input/output error"):
            next(listing)

    def test_of_the_folder_itself_stop_the_run(self, tmp_path, fail):
        put(tmp_path, "images/a.jpg")
        fail("images", errno.EACCES)
        with pytest.raises(FirstpassError, match="cannot be listed: Permission denied") as error:
            list(list_images(str(tmp_path / "images")))
        assert not isinstance(error.value, Unavailable)
        fail("images", errno.EIO)
        with pytest.raises(Unavailable):
            list(list_images(str(tmp_path / "images")))

    def test_a_folder_that_goes_meanwhile_is_missing(self, tmp_path, fail):
        put(tmp_path, "a.jpg", "sub/b.jpg")
        fail("sub", errno.ENOENT)
        assert left_out(tmp_path)["sub/"].outcome is Outcome.MISSING

    def test_a_listing_that_breaks_off_is_begun_anew(self, tmp_path, monkeypatch):
        put(tmp_path, *(f"{i}.jpg" for i in range(5)))
        scandir, tried = os.scandir, []

        class Broken:
            def __init__(self, path):
                self.entries = scandir(path)

            def __enter__(self):
                return self

            def __exit__(self, *_):
                self.entries.close()

            def __iter__(self):
                yield next(self.entries)
                raise OSError(errno.EIO, "Input/output error")

        def once_broken(path):
            tried.append(path)
            return Broken(path) if len(tried) == 1 else scandir(path)

        monkeypatch.setattr(os, "scandir", once_broken)
        assert len(names(tmp_path)) == 5

    @pytest.mark.parametrize(
        ("number", "error", "reason"),
        [
            (errno.EIO, fetching.UnreadableImage, "cannot be read from disk: Input/output error"),
            (errno.EACCES, fetching.MissingImage, "access denied"),
            (errno.ETIMEDOUT, Unavailable, "Connection timed out"),
        ],
    )
    def test_of_reading_an_image(self, tmp_path, monkeypatch, number, error, reason):
        put(tmp_path, "a.jpg")
        (ref,) = list_images(str(tmp_path))
        opened, left = os.open, [3]

        def failing(path, *rest, **options):
            if Path(path).name == "a.jpg" and left[0]:
                left[0] -= 1
                raise OSError(number, os.strerror(number))
            return opened(path, *rest, **options)

        monkeypatch.setattr(os, "open", failing)
        if number != errno.EACCES:
            assert fetching.fetch(ref) == b"1234"
        left[0] = 10**6
        with pytest.raises(error, match=reason):
            fetching.fetch(ref)


@pytest.mark.parametrize(
    ("uri", "problem", "fix"),
    [
        ("{}/nowhere", "there is no such folder", "spelling"),
        ("{}/empty", "holds no images", r"\.jpg"),
        ("{}/texts", "holds no images", r"\.jpg"),
        ("{}/texts/a.txt", "is a file", "give the folder that holds it: .*texts"),
        ("relative/folder", "not an absolute path", "from / on"),
        ("~/images", "not an absolute path", "from / on"),
        ("", "not an absolute path", "from / on"),
    ],
)
def test_what_cannot_be_listed_says_what_to_do(tmp_path, uri, problem, fix):
    put(tmp_path, "texts/a.txt")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FirstpassError, match=problem) as error:
        list(list_images(uri.format(tmp_path)))
    assert uri.format(tmp_path) in error.value.problem
    assert re.search(fix, error.value.fix)


def test_image_roots_confine_what_may_be_read(tmp_path, roots):
    put(tmp_path, "allowed/a.jpg", "allowed/sub/b.jpg", "allowed-not/c.jpg", "secret/d.jpg", "also/e.jpg")
    (tmp_path / "allowed" / "link.jpg").symlink_to(tmp_path / "secret" / "d.jpg")
    (tmp_path / "allowed" / "folder").symlink_to(tmp_path / "secret")
    (tmp_path / "allowed" / "fine").symlink_to(tmp_path / "also")
    roots(tmp_path / "allowed", tmp_path / "also")
    assert names(tmp_path / "allowed") == ["a.jpg", "fine/e.jpg", "sub/b.jpg"]
    assert {name: each.reason for name, each in left_out(tmp_path / "allowed").items()} == {
        "folder": "is a link to a folder outside of the allowed ones (FIRSTPASS_IMAGE_ROOTS)",
        "link.jpg": "is a link that leads out of the allowed folders (FIRSTPASS_IMAGE_ROOTS)",
    }
    assert names(tmp_path / "allowed" / "sub") == ["b.jpg"]
    for outside in ("secret", "allowed-not", "allowed/../secret", "allowed/folder", ""):
        with pytest.raises(FirstpassError, match="outside the allowed folders"):
            check(f"{tmp_path}/{outside}")


def test_a_root_may_be_a_link(tmp_path, roots):
    put(tmp_path, "real/a.jpg")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    roots(tmp_path / "link")
    assert names(tmp_path / "real") == ["a.jpg"]
    assert names(tmp_path / "link") == ["a.jpg"]


def test_a_link_out_of_the_roots_is_left_out_and_one_within_them_is_not(tmp_path, roots):
    put(tmp_path, "allowed/a.jpg", "allowed/real/b.jpg", "secret/c.jpg")
    (tmp_path / "allowed" / "out.jpg").symlink_to(tmp_path / "secret" / "c.jpg")
    (tmp_path / "allowed" / "within.jpg").symlink_to(tmp_path / "allowed" / "real" / "b.jpg")
    roots(tmp_path / "allowed")
    assert names(tmp_path / "allowed") == ["a.jpg", "real/b.jpg", "within.jpg"]


def test_a_folder_with_nothing_but_what_is_left_out_is_not_empty(tmp_path):
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    assert list(left_out(tmp_path)) == ["gone.jpg"]


def test_of_equal_names_files_and_folders_come_in_order_together(tmp_path):
    put(tmp_path, "b.jpg/x.jpg", "a.jpg", "c.jpg")
    assert names(tmp_path) == ["a.jpg", "b.jpg/x.jpg", "c.jpg"]


def test_an_etag_tells_a_change_of_size_and_of_time(tmp_path):
    put(tmp_path, "a.jpg")
    os.utime(tmp_path / "a.jpg", ns=(5, 7_000_000_001))
    (ref,) = list_images(str(tmp_path))
    assert ref.etag == "4-7000000001"


def test_a_folder_does_not_reach_pods_and_takes_no_drafts():
    assert FOLDER.reaches_pods() is False
    assert FOLDER.takes_drafts is False


class TestNames:
    """Images are named relative to the folder that the run was given, as people see it."""

    def name(self, uri: str, image: Path, common: Path) -> str:
        namer = FOLDER.namer(uri, storage.file_uri(common) + "/", 0)
        return namer(ImageRef(storage.file_uri(image), 1, "e"))

    @pytest.mark.parametrize("uri", ["{}/night", "{}/night/", "file://{}/night", "{}/other/../night"])
    def test_are_relative_to_it_however_it_was_spelt(self, tmp_path, uri):
        (tmp_path / "other").mkdir()
        image = tmp_path / "night" / "a" / "größe 1.jpg"
        assert self.name(uri.format(tmp_path), image, image.parent) == "a/größe 1.jpg"

    def test_are_relative_to_it_though_another_begins_alike(self, tmp_path):
        image = tmp_path / "night-2" / "a.jpg"
        assert self.name(f"{tmp_path}/night", image, image.parent) == "a.jpg"

    def test_are_relative_to_what_a_link_leads_to(self, tmp_path):
        (tmp_path / "real" / "a").mkdir(parents=True)
        (tmp_path / "link").symlink_to(tmp_path / "real")
        image = tmp_path / "real" / "a" / "1.jpg"
        assert self.name(f"{tmp_path}/link", image, image.parent) == "a/1.jpg"

    def test_are_relative_to_the_common_folder_where_links_led_out(self, tmp_path):
        image = tmp_path / "elsewhere" / "a" / "1.jpg"
        assert self.name(f"{tmp_path}/night", image, image.parents[1]) == "a/1.jpg"

    def test_of_all_that_the_machine_has_are_relative_to_the_common_folder(self, tmp_path):
        assert self.name("/", tmp_path / "a" / "1.jpg", tmp_path) == "a/1.jpg"

    def test_that_are_no_utf_8_stay_encoded(self, tmp_path):
        image = Path(os.fsdecode(os.fsencode(tmp_path) + b"/latin1-\xe9 %41.jpg"))
        assert self.name(str(tmp_path), image, tmp_path) == "latin1-%E9%20%2541.jpg"
        assert self.name(str(tmp_path), tmp_path / "100% %41.jpg", tmp_path) == "100% %41.jpg"


class TestWhatWasOpenedCounts:
    """Between listing and reading, anything may have taken the file's place."""

    @pytest.fixture
    def ref(self, tmp_path) -> ImageRef:
        put(tmp_path, "images/a.jpg", "secret/shadow")
        (found,) = list_images(str(tmp_path / "images"))
        return found

    @pytest.mark.timeout(10)
    def test_a_pipe_does_not_block(self, tmp_path, ref):
        (tmp_path / "images/a.jpg").unlink()
        os.mkfifo(tmp_path / "images/a.jpg")
        with pytest.raises(fetching.UnreadableImage, match="no regular file any more"):
            fetching.fetch(ref)

    def test_a_link_out_of_the_roots_is_not_read(self, tmp_path, ref, roots):
        (tmp_path / "images/a.jpg").unlink()
        (tmp_path / "images/a.jpg").symlink_to(tmp_path / "secret/shadow")
        roots(tmp_path / "images")
        with pytest.raises(fetching.UnreadableImage, match="leads out of the allowed folders"):
            fetching.fetch(ref)
        roots(tmp_path / "images", tmp_path / "secret")
        assert fetching.fetch(ref) == b"1234"

    @pytest.mark.parametrize(("limit", "read"), [(1000, True), (999, False)])
    def test_a_file_that_has_grown_is_read_up_to_the_limit(self, tmp_path, ref, monkeypatch, limit, read):
        (tmp_path / "images/a.jpg").write_bytes(b"x" * 1000)
        monkeypatch.setenv("FIRSTPASS_MAX_IMAGE_BYTES", str(limit))
        settings.cache_clear()
        try:
            if read:
                assert fetching.fetch(ref) == b"x" * 1000
            else:
                with pytest.raises(fetching.UnreadableImage, match="has grown to 1000 bytes"):
                    fetching.fetch(ref)
        finally:
            settings.cache_clear()
