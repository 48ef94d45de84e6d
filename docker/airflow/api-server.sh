#!/usr/bin/env bash
# The API server, with the UI's one login from ADMIN_PASSWORD: Airflow wants to write to the file that it reads logins
# from, so it cannot be a mounted secret.
set -euo pipefail

export AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS=admin:admin
export AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE=/tmp/passwords.json
(umask 077 && python -c 'import json, os; print(json.dumps({"admin": os.environ["ADMIN_PASSWORD"]}))' \
  >"${AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE}")
unset ADMIN_PASSWORD
exec airflow api-server "$@"
