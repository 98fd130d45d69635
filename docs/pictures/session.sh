#!/usr/bin/env bash
# usage: docs/pictures/session.sh FOLDER
# Plays the session of session.svg with the programs in FOLDER; `make pictures` draws it. No other controller may serve key
# 1234 meanwhile.
set -euo pipefail

commands=(
    'on'
    'on 40%'
    'blink 100ms 200ms --count 2'
    'flash 200ms'
    'toggle'
    'exit'
)

PATH=$1:$PATH
LED_LOCK_DIRECTORY=$(mktemp -d)
export LED_LOCK_DIRECTORY
log=$LED_LOCK_DIRECTORY/controller.log

type_() { printf '\e[1m$ %s\e[0m\n' "$1"; }

type_ 'controller --simulate 2>log &'
# The lines of the controller are told apart by their colour and their place.
controller --simulate 2>"$log" > >(sed --unbuffered $'s/.*/\e[33m                    &\e[0m/') &
trap 'kill $! 2>/dev/null || true; wait; rm -r "$LED_LOCK_DIRECTORY"' EXIT
until grep -qs ready "$log"; do
    kill -0 $!
    sleep 0.1
done

for arguments in "${commands[@]}"; do
    type_ "led $arguments"
    # Unquoted: a command can have several words.
    # shellcheck disable=SC2086
    (exec -a led "$1/command" $arguments)
    # Until the LED has blinked.
    sleep 0.8
done
