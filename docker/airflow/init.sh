#!/usr/bin/env bash
# Once before the others start: databases, bucket, pools, and the bundled model in the store. May be run again.
set -euo pipefail

airflow db migrate
airflow pools import "${AIRFLOW_HOME}/pools.json"

python - <<'PYTHON'
import os

import boto3
import psycopg2
from botocore.exceptions import ClientError
from psycopg2.extensions import make_dsn

dsn = os.environ["FIRSTPASS_WAREHOUSE_DSN"]
connection = psycopg2.connect(make_dsn(dsn, dbname="airflow"))
connection.autocommit = True
with connection.cursor() as cursor:
    cursor.execute("SELECT 1 FROM pg_database WHERE datname = 'firstpass'")
    if not cursor.fetchone():
        cursor.execute("CREATE DATABASE firstpass")
connection.close()

s3 = boto3.client("s3", endpoint_url=os.environ["FIRSTPASS_S3_ENDPOINT"] or None)
try:
    s3.create_bucket(Bucket="firstpass")
except ClientError as error:
    if error.response["Error"]["Code"] not in {"BucketAlreadyExists", "BucketAlreadyOwnedByYou"}:
        raise
PYTHON

python -c "
from contextlib import closing
from firstpass.warehouse.connection import connect
from firstpass.warehouse.migrate import migrate
with closing(connect()) as connection:
    migrate(connection)
"
firstpass models sync --name nanodet-coco --source "$(echo "${AIRFLOW_HOME}"/include/models/nanodet-coco/*/)"
