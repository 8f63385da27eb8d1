#!/bin/sh
# Makes Temporal's databases or brings their schema up to the server's release. The
# connection is in SQL_*; each step does nothing where it has been done.
set -eu
schema=/etc/temporal/schema/postgresql/v12
while read -r database directory; do
  temporal-sql-tool --db "$database" create
  temporal-sql-tool --db "$database" setup-schema -v 0.0
  temporal-sql-tool --db "$database" update-schema -d "$schema/$directory/versioned"
done <<'EOT'
temporal temporal
temporal_visibility visibility
EOT
