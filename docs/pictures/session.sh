#!/usr/bin/env bash
# Plays the session of session.svg with the programs in a folder; `make pictures` draws it.
set -euo pipefail

# None that prints what is another in each run, as a PID, a time or the key is: the picture is to come out the same.
commands=(
    'on'
    'status'
    'toggle'
    'shine'
    'toggle'
    'exit'
)

programs=$1
key=$((0x10000000 + $$))
folder=$(mktemp -d)
export LED_LOCK_DIRECTORY=$folder

type_() { printf '\e[1m$ %s\e[0m\n' "$1"; }

type_ './controller --simulate 2>controller.log &'
"$programs/controller" --simulate --key $key 2>"$folder/controller.log" &
controller=$!
trap 'kill $controller 2>/dev/null || true; wait; rm -r "$folder"' EXIT
until "$programs/command" --key $key status >/dev/null 2>&1; do
    kill -0 $controller
    sleep 0.1
done

for command in "${commands[@]}"; do
    type_ "./command $command"
    # Unquoted, for a command of several words. One of them is to fail.
    "$programs/command" --key $key $command || true
done
