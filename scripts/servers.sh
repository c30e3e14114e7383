#!/bin/sh
# Runs the integration tests against several server programs, one after the other, and prints how many tests
# passed, were skipped and failed on each.
#
# usage: scripts/servers.sh PROGRAM...
# variables: FILTER runs only tests whose names contain it
#
# A test that says NOT TESTED counts as skipped, even if only a part of it was left out. The output of each run is
# in target/servers.
set -eu
cd "$(dirname "$0")/.."

if [ $# = 0 ]; then
    echo 'usage: scripts/servers.sh PROGRAM... (make servers SERVERS="PROGRAM...")' >&2
    exit 2
fi
# In CI a skipped test fails. Here it is counted.
unset CI
cargo=${CARGO:-cargo}
logs=${CARGO_TARGET_DIR:-target}/servers
mkdir -p "$logs"

# Name and version, as `Redis 7.4.1`.
version() {
    "$1" --version | sed -n 's/^\([A-Za-z]*\) server v=\([^ ]*\).*/\1 \2/p'
}

# For each test that was skipped, its name and the reason.
skipped() {
    sed -n 's/^\*\*\* NOT TESTED: \([^ ]*\): \(.*\) \*\*\*$/\1 \2/p' "$1" | sort -u
}

# A count of the summary, which is the last line of its kind: tests in processes of their own have others.
count() {
    sed -n "s/^test result:.* \([0-9]*\) $2;.*/\1/p" "$1" | tail -1
}

for program; do
    if [ -z "$(version "$program")" ]; then
        echo "$program is not a server program of Redis or Valkey" >&2
        exit 2
    fi
done
$cargo test --quiet --features capi --test integration --no-run

table=$(mktemp)
trap 'rm -f "$table"' EXIT
status=0
for program; do
    server=$(version "$program")
    log=$logs/$(echo "$server" | tr 'A-Z ' 'a-z-').log
    echo "$server: running, output in $log" >&2
    # shellcheck disable=SC2086 # no filter is no argument
    DEVGRID_REDIS_SERVER=$program $cargo test --features capi --test integration -- ${FILTER-} \
        >"$log" 2>&1 || status=1
    passed=$(count "$log" passed)
    if [ -z "$passed" ]; then
        echo "$server | no result | | " >>"$table"
        continue
    fi
    left_out=$(skipped "$log" | cut -d ' ' -f 1 | sort -u | grep -c .) || true
    echo "$server | $((passed - left_out)) | $left_out | $(count "$log" failed)" >>"$table"
    skipped "$log" | cut -d ' ' -f 2- | sort | uniq -c | sort -rn |
        while read -r tests why; do echo "$server: skipped $tests: $why"; done
    sed -n 's/^    \([a-z_0-9]*::[a-z_0-9:]*\)$/\1/p' "$log" | sort -u |
        while read -r test; do echo "$server: failed: $test"; done
done
echo "server | passed | skipped | failed"
cat "$table"
exit $status
