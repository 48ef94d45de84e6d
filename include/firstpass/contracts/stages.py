"""The stages of a run, in order: the tasks of the DAG `preannotate`."""

STAGES = (
    "resolve_model",
    "admit_model",
    "catalogue_images",
    "plan_chunks",
    "infer",
    "merge",
    "check",
    "report",
)
