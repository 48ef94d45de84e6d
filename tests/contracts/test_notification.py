"""What is said about a run, for people and for machines."""

from __future__ import annotations

import json

from firstpass.contracts.notification import Notification

SAID = Notification("late", "a run", "Late <b>", ("It goes on & on", "Run <x>"), 'https://a/?r="x"', {"images": 3})


def test_an_e_mail_shows_every_name_as_it_is():
    assert SAID.html == (
        "<h2>Late &lt;b&gt;</h2><p>It goes on &amp; on</p><p>Run &lt;x&gt;</p>"
        '<p><a href="https://a/?r=&quot;x&quot;">Open the report</a></p>'
    )


def test_machines_get_all_fields_and_the_text_that_chats_show():
    said = json.loads(json.dumps(SAID.payload))
    assert said == {
        "text": 'Late <b>\nIt goes on & on\nRun <x>\nhttps://a/?r="x"',
        "event": "late",
        "run_id": "a run",
        "title": "Late <b>",
        "lines": ["It goes on & on", "Run <x>"],
        "url": 'https://a/?r="x"',
        "facts": {"images": 3},
    }


def test_there_need_be_no_facts():
    assert Notification("late", "r", "t", (), "u").facts == {}
