#!/usr/bin/env bash
# Once before Airflow's processes start, and after every upgrade: databases, pool, bucket, and the bundled model in the
# store. May be run again: what is there stays. Guessable secrets and misspelt settings are refused first.
set -euo pipefail
folder="$(dirname "$0")"

python "${folder}/check_secrets.py"
# Every setting in this environment was written for Firstpass: see include/firstpass/variables.py.
FIRSTPASS_COMMAND_LINE="$(compgen -e FIRSTPASS_ | tr '\n' ' ')"
export FIRSTPASS_COMMAND_LINE
python "${folder}/prepare.py" databases
airflow db migrate
# Tasks that are deferred hold their GPU as much as those that run.
airflow pools set --include-deferred "${FIRSTPASS_KUBERNETES_POOL:-gpu}" "${FIRSTPASS_WORKERS:-1}" \
  "Pods of preannotate: FIRSTPASS_WORKERS"
python "${folder}/prepare.py"
exec firstpass models sync --name nanodet-coco --source "$(echo "${FIRSTPASS_HOME}"/include/models/nanodet-coco/*/)"
