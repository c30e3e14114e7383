#!/bin/sh
# Runs the integration tests against several server programs, one after the other, and writes a page with what
# passed, was skipped and failed on each.
#
# usage: scripts/servers.sh PROGRAM...    runs the tests, then prints the page
#        scripts/servers.sh report        prints the page from the runs in target/servers: docs/servers.md
# variables: FILTER runs only tests whose names contain it; the page leaves such runs out
#
# A test that says NOT TESTED counts as skipped, even if only a part of it was left out. The output of each run is
# in target/servers.
set -eu
cd "$(dirname "$0")/.."

# In CI a skipped test fails. Here it is counted.
unset CI
cargo=${CARGO:-cargo}
logs=${CARGO_TARGET_DIR:-target}/servers
mkdir -p "$logs"

# Name and version, as `Redis 7.4.1`.
version() {
    "$1" --version | sed -n 's/^\([A-Za-z]*\) server v=\([^ ]*\).*/\1 \2/p'
}

# The reason of each skipped test.
skipped() {
    sed -n 's/^\*\*\* NOT TESTED: \([^ ]*\): \(.*\) \*\*\*$/\1 \2/p' "$1" | sort -u
}

# A count of the summary, which is the last line of its kind: tests in processes of their own have others.
count() {
    sed -n "s/^test result:.* \([0-9]*\) $2;.*/\1/p" "$1" | tail -1
}

failed() {
    sed -n 's/^    \([a-z_0-9]*::[a-z_0-9:]*\)$/\1/p' "$1" | sort -u
}

run() {
    server=$(version "$1")
    log=$logs/$(echo "$server" | tr 'A-Z ' 'a-z-')${FILTER:+.part}.log
    echo "$server: running, output in $log" >&2
    commit=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)
    echo "# $server | $(date -u +%F) | $commit" >"$log"
    # shellcheck disable=SC2086 # no filter is no argument
    DEVGRID_REDIS_SERVER=$1 $cargo test --features capi --test integration -- ${FILTER-} >>"$log" 2>&1 || status=1
    echo "$server: $(count "$log" passed) passed, $(count "$log" failed) failed" >&2
    failed "$log" | sed "s/^/$server: failed: /" >&2
}

report() {
    complete=$(ls "$logs"/*.log | grep -v '\.part\.log$')
    echo '# Servers that were tested'
    echo
    echo 'What `make servers` saw, written by `scripts/servers.sh report`: the integration tests on each server program.'
    echo 'Where only a part of a test was left out, the test counts as skipped.'
    echo
    echo '| server | passed | skipped | failed | on | commit |'
    echo '|---|---|---|---|---|---|'
    for log in $complete; do
        left_out=$(skipped "$log" | cut -d ' ' -f 1 | sort -u | grep -c .) || true
        passed=$(count "$log" passed)
        [ -n "$passed" ] || { sed -n '1s/^# \(.*\) | \(.*\) | \(.*\)/| \1 | no result | | | \2 | \3 |/p' "$log"; continue; }
        sed -n "1s/^# \(.*\) | \(.*\) | \(.*\)/| \1 | $((passed - left_out)) | $left_out | $(count "$log" failed) | \2 | \3 |/p" "$log"
    done | sort -V
    echo
    echo '| server | reason for skipping | tests |'
    echo '|---|---|---|'
    for log in $complete; do
        server=$(sed -n '1s/^# \(.*\) | .* | .*/\1/p' "$log")
        skipped "$log" | cut -d ' ' -f 2- | sort | uniq -c | sort -rn |
            while read -r tests why; do echo "| $server | $why | $tests |"; done
    done | sort -V -s -t '|' -k 2,2
    for log in $complete; do
        failed "$log" | sed "s/^/- $(sed -n '1s/^# \(.*\) | .* | .*/\1/p' "$log"): \`/; s/\$/\`/"
    done | { grep . && echo || true; } | sed '1s/^/\nFailed:\n\n/'
}

case ${1-} in
    '')
        echo 'usage: scripts/servers.sh PROGRAM... (make servers SERVERS="PROGRAM...")' >&2
        exit 2
        ;;
    report)
        report
        exit
        ;;
esac
for program; do
    if [ -z "$(version "$program")" ]; then
        echo "$program is not a server program of Redis or Valkey" >&2
        exit 2
    fi
done
$cargo test --quiet --features capi --test integration --no-run
status=0
for program; do
    run "$program"
done
[ -n "${FILTER-}" ] || report
exit $status
