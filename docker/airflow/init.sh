#!/usr/bin/env bash
# Once before Airflow's processes start, and after every upgrade: databases, pool, bucket, and the bundled model in the
# store. May be run again: what is there stays.
set -euo pipefail

airflow db migrate
# Tasks that are deferred hold their GPU as much as those that run.
airflow pools set --include-deferred "${FIRSTPASS_KUBERNETES_POOL:-gpu}" "${FIRSTPASS_WORKERS:-1}" \
  "Pods of preannotate: FIRSTPASS_WORKERS"
python "$(dirname "$0")/prepare.py"
exec firstpass models sync --name nanodet-coco --source "$(echo "${FIRSTPASS_HOME}"/include/models/nanodet-coco/*/)"
