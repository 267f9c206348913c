#!/bin/sh
# Installs what the tests need beside Python packages, where it is missing: PgBouncer.
# Needs root and apt-get; elsewhere it says what to install.
set -eu

PATH="$PATH:/usr/sbin"
command -v pgbouncer >/dev/null && exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo 'the tests need pgbouncer; on Debian or Ubuntu: sudo apt-get install pgbouncer' >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
# RUNLEVEL keeps the package from starting a service of its own.
RUNLEVEL=1 apt-get install -y --no-install-recommends pgbouncer >/dev/null 2>&1 || {
    apt-get update
    RUNLEVEL=1 apt-get install -y --no-install-recommends pgbouncer
}
