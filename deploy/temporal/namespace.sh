#!/bin/sh
# Makes the namespace unless it is there. TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE say
# where; ids of finished runs are remembered for the retention.
set -eu
until temporal operator cluster health; do
  sleep 2
done
temporal operator namespace describe -n "$TEMPORAL_NAMESPACE" >/dev/null 2>&1 ||
  temporal operator namespace create -n "$TEMPORAL_NAMESPACE" --retention "${RETENTION:-30d}"
