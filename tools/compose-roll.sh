#!/bin/sh
# Replaces the running instances of docker compose one at a time, by the image that `app` has now. For each: one more is
# started, and once it is healthy an old one drains. Nobody's conversation is interrupted.
#
#   docker compose build app && tools/compose-roll.sh

set -eu
cd "$(dirname "$0")/.."

# How long a new instance may take to become healthy, and an old one to drain, in seconds.
START_LIMIT=${START_LIMIT:-60}
DRAIN_LIMIT=${DRAIN_LIMIT:-60}

fail() {
    echo "compose-roll: $*" >&2
    exit 1
}

running() {
    docker compose ps --quiet app
}

# The containers that run now and did not when the second argument was listed.
newcomers() {
    for id in $1; do
        case " $2 " in
            *" $id "*) ;;
            *) echo "$id" ;;
        esac
    done
}

wait_until_healthy() {
    waited=0
    while [ "$(docker inspect --format '{{.State.Health.Status}}' "$1")" != healthy ]; do
        [ "$waited" -lt "$START_LIMIT" ] || return 1
        sleep 1
        waited=$((waited + 1))
    done
}

old=$(running | tr '\n' ' ')
# shellcheck disable=SC2086 # one word per container
set -- $old
count=$#
[ "$count" -gt 0 ] || fail "no instance is running: start with docker compose up -d --scale app=3"

for id in "$@"; do
    before=$(running | tr '\n' ' ')
    docker compose up --detach --no-deps --no-recreate --scale "app=$((count + 1))" app
    new=$(newcomers "$(running)" "$before")
    [ -n "$new" ] || fail "docker compose started no new instance"
    if ! wait_until_healthy "$new"; then
        docker logs --tail 20 "$new" >&2
        docker rm --force "$new" >/dev/null
        fail "the new instance was not healthy after $START_LIMIT s and was removed; the $count others go on"
    fi
    docker stop --time "$DRAIN_LIMIT" "$id" >/dev/null
    docker rm "$id" >/dev/null
    echo "replaced $id by $new"
done
