"""The stages of a run, in order: the tasks of the DAG `preannotate`, but for the last, which says how it ended."""

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
