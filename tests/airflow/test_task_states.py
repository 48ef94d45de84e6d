"""What a task asks Airflow about other runs."""

from __future__ import annotations

from firstpass.airflow.task_states import unfinished


class Asked:
    """A task instance that knows which runs go on, and counts questions."""

    def __init__(self, *active: str) -> None:
        self.active, self.questions, self.longest = active, 0, 0

    def get_dr_count(self, *, dag_id: str, run_ids: list[str], states: list[str]) -> int:
        assert (dag_id, states) == ("preannotate", ["queued", "running"])
        self.questions += 1
        self.longest = max(self.longest, len(run_ids))
        return len(set(run_ids) & set(self.active))


def test_one_question_where_nothing_goes_on():
    ti = Asked()
    assert unfinished({"ti": ti}, "preannotate", ["a", "b", "c"]) == set()
    assert ti.questions == 1
    assert unfinished({"ti": ti}, "preannotate", []) == set()
    assert ti.questions == 1


def test_many_are_asked_about_in_parts():
    ti = Asked("run 7", "run 250")
    assert unfinished({"ti": ti}, "preannotate", [f"run {n}" for n in range(251)]) == {"run 7", "run 250"}
    assert ti.longest == 100


def test_those_that_go_on_are_named():
    assert unfinished({"ti": Asked("b", "x")}, "preannotate", ["a", "b", "c"]) == {"b"}
