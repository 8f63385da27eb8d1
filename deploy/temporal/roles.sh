#!/bin/sh
# Run by the postgres image when the volume is new: Temporal gets a role of its own,
# which owns the databases that schema.sh makes.
set -eu
psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres -v password="$TEMPORAL_DB_PASSWORD" <<'SQL'
CREATE ROLE temporal LOGIN CREATEDB PASSWORD :'password';
SQL
