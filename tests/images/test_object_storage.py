"""Objects below a prefix are images by their name; a shaky network is tried again, so often and no more."""

from __future__ import annotations

import re

import pytest
from botocore.exceptions import ClientError

from firstpass import storage
from firstpass.contracts.image_reference import ImageRef
from firstpass.errors import FirstpassError, Unavailable
from firstpass.images import object_storage
from firstpass.images.fetching import fetch
from firstpass.images.object_storage import OBJECT_STORAGE
from firstpass.images.sources import list_images

AWAY = Unavailable("s3://b/a.jpg: object storage does not answer (broken pipe)", "bring it back")


@pytest.fixture
def network(monkeypatch):
    """`network(errors)`: what reading an object meets, one error a try; `waits` gets the seconds in between."""

    class Network:
        tries = 0

        def __call__(self, *errors: Exception) -> None:
            self.errors = list(errors)

        def read(self, uri: str) -> bytes:
            self.tries += 1
            if self.errors:
                raise self.errors.pop(0)
            return b"pixels"

    made = Network()
    made.waits = []
    monkeypatch.setattr(storage, "read", made.read)
    monkeypatch.setattr(object_storage.time, "sleep", made.waits.append)
    return made


REF = ImageRef("s3://b/a.jpg", 6, "e")


def test_a_shaky_network_is_tried_four_times_with_longer_and_longer_waits(network):
    network(AWAY, AWAY, AWAY)
    assert fetch(REF) == b"pixels"
    assert network.tries == 4
    assert network.waits == pytest.approx([0.2, 0.8, 3.2])


def test_a_network_that_stays_away_is_passed_on_and_is_no_fault_of_the_image(network):
    network(*[AWAY] * 9)
    with pytest.raises(Unavailable) as caught:
        fetch(REF)
    assert caught.value is AWAY
    assert (network.tries, len(network.waits)) == (4, 3)


@pytest.mark.parametrize("error", [ClientError({"Error": {"Code": "BadDigest"}}, "GetObject"), FileNotFoundError("x")])
def test_what_storage_itself_answers_is_not_asked_again(network, error):
    network(error)
    with pytest.raises(type(error)):
        OBJECT_STORAGE.fetch(REF)
    assert (network.tries, network.waits) == (1, [])


def test_objects_with_an_image_s_name_are_listed_in_order_of_their_key(bucket, monkeypatch):
    for name in ("p/b.JPG", "p/a/x.png", "p/notes.txt", "p/.hidden.jpg", "p/.dir/c.jpg", "q/z.jpg", "p.jpg", "p/jpg"):
        storage.write(f"{bucket}/{name}", b"1234")
    monkeypatch.setattr(storage, "read", None)
    refs = list(list_images(f"{bucket}/p"))
    assert [ref.uri.removeprefix(f"{bucket}/p/") for ref in refs] == [".dir/c.jpg", "a/x.png", "b.JPG"]
    (etag,) = {ref.etag for ref in refs}
    assert '"' not in etag
    assert refs[1] == ImageRef(f"{bucket}/p/a/x.png", 4, etag)


@pytest.mark.parametrize(
    ("uri", "problem", "fix"),
    [
        ("s3://no-such-bucket-here/p", "there is no such bucket", "FIRSTPASS_S3_ENDPOINT"),
        ("s3://no-such-bucket-here", "there is no such bucket", "the bucket's name"),
        ("{}", "holds no images", r"\.jpg"),
        ("{}/", "holds no images", r"\.jpg"),
        ("{}/nothing", "holds no images", r"\.jpg"),
        ("{}/one.png", "is a single object", "the prefix that holds it"),
        ("{}/one.png/", "is a single object", "the prefix that holds it"),
        ("{}/notes", "holds no images", r"\.jpg"),
    ],
)
def test_what_holds_no_images_says_what_to_do(bucket, uri, problem, fix):
    storage.write(f"{bucket}/notes/a.txt", b"x")
    if "one.png" in uri:
        storage.write(f"{bucket}/one.png", b"1234")
    with pytest.raises(FirstpassError, match=problem) as error:
        list(list_images(uri.format(bucket)))
    assert uri.format(bucket) in error.value.problem
    assert re.search(fix, error.value.fix)


@pytest.mark.parametrize("listed", [0, 2])
def test_a_bucket_that_may_not_be_listed_says_what_to_allow(monkeypatch, listed):
    """A listing that is denied on its second page is no shorter listing."""

    def denied(uri):
        yield from (storage.Entry(f"{uri}/{i}.jpg", 1, "e") for i in range(listed))
        raise PermissionError(uri)

    monkeypatch.setattr(storage, "listing", denied)
    with pytest.raises(FirstpassError, match="images='s3://b/p': access denied") as error:
        list(list_images("s3://b/p"))
    assert "s3:ListBucket" in error.value.fix


def test_pods_reach_it_and_it_takes_no_drafts():
    assert OBJECT_STORAGE.reaches_pods() is True
    assert OBJECT_STORAGE.takes_drafts is False
