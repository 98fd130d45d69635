# shellcheck shell=bash disable=SC2034
# usage: source scripts/lib.sh
# Common functions. All scripts run in the directory of the project.
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

# Here cargo installs programs.
export PATH="$PATH:${CARGO_HOME:-$HOME/.cargo}/bin"

# Where the scripts look for what cargo builds.
export CARGO_TARGET_DIR=$PWD/target

version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)

# Debian's name of the architecture of this machine's programs.
host=$(dpkg --print-architecture 2>/dev/null || uname -m | sed 's/^x86_64$/amd64/; s/^aarch64$/arm64/; s/^armv7l$/armhf/')

has() {
    command -v "$1" >/dev/null
}

# Runs a command as root.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif has sudo; then
        sudo "$@"
    else
        echo "this needs root: $*" >&2
        return 1
    fi
}

# Reports what could not be checked, and why. `make test` repeats it in its table.
not_checked() {
    echo "not checked: $*"
    [ -z "${LED_NOT_CHECKED:-}" ] || echo "$*" >>"$LED_NOT_CHECKED"
}

# Whether this is a PC. On other machines the cross compilers and the emulated Raspberry Pi are not used.
is_pc() {
    [ "$host" = amd64 ]
}

# The two parts of a Rust target: the CPU, and the suffix after "gnu" or "musl".
cpu() {
    case $1 in
    arm64) echo aarch64 ;;
    amd64) echo x86_64 ;;
    armhf) echo armv7 ;;
    *)
        echo "unknown architecture $1; known are arm64, armhf, amd64" >&2
        return 1
        ;;
    esac
}

abi() {
    if [ "$1" = armhf ]; then echo eabihf; fi
}

# Debian's C compiler for another architecture.
gcc() {
    echo "$(cpu "$1" | sed s/armv7/arm/)-linux-gnu$(abi "$1")-gcc"
}

# Whether the compiler has a standard library for a target.
has_std() {
    compgen -G "$(rustc --print target-libdir --target "$1")/libstd-*.rlib" >/dev/null
}

# The Rust target for an architecture, after `scripts/setup target-ARCH`: musl if the compiler has the standard library for
# it, which rustup can fetch; else glibc, with Debian's toolchain.
target() {
    local musl
    musl=$(cpu "$1")-unknown-linux-musl$(abi "$1")
    if has_std "$musl"; then echo "$musl"; else echo "${musl/musl/gnu}"; fi
}

# How the programs core or mqtt are linked for an architecture. glibc loads parts of itself to look up names, as led-mqtt does,
# which a static program must not.
linked() {
    if [ "$2" = mqtt ] && [[ $(target "$1") = *-gnu* ]]; then echo dynamic; else echo static; fi
}

# The target directory of the programs core or mqtt. Each kind of linking has its own: in a common one cargo would build
# everything again.
target_dir() {
    echo "${LED_TARGET_DIR:-target}/$(linked "$1" "$2")"
}

# Describes the machine of a measurement. A Pi has no model name for its processor, but one for the board.
machine() {
    local cpu
    cpu=$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n1)
    echo "${cpu:-$(tr -d '\0' </proc/device-tree/model)}, $(nproc) cores, Linux $(uname -r)"
    echo "$(rustc --version), $(cc --version | head -n1)"
    echo "load before: $(cat /proc/loadavg)"
}

# The queues with keys of the tests, see testing/src/keys.rs: the key, and the PIDs of the last sender and receiver.
queues() {
    local key sender receiver
    while read -r key _ _ _ _ sender receiver _; do
        key=$((key & 0xffffffff))
        [[ $((key >> 28 & 7)) = [2-6] ]] || continue
        printf '0x%08x, last sender %s, last receiver %s\n' $key "$sender" "$receiver"
    done < <(tail -n +2 /proc/sysvipc/msg) | sort
}

# queues_left BEFORE: the queues of tests that have ended, with keys that BEFORE does not have. The keys have the PIDs of the tests.
queues_left() {
    local line key exe running=
    for exe in /proc/[0-9]*/exe; do
        if [[ $(readlink "$exe" 2>/dev/null) = */deps/* ]]; then
            exe=${exe#/proc/}
            running+=" $((${exe%/exe} & 0xffff)) "
        fi
    done
    while read -r line; do
        key=${line%%,*}
        [[ $1 = *"$key,"* || $running = *" $((key >> 12 & 0xffff)) "* ]] || echo "$line"
    done < <(queues)
}

# no_queues_left BEFORE: fails if there are queues of tests that did not exist before and stay unused, and lists them. Another run
# of the tests, in a container, has queues too, but uses them.
no_queues_left() {
    local left
    left=$(queues_left "$1")
    for _ in {1..30}; do
        [ -n "$left" ] || return 0
        sleep 1
        left=$(comm -12 <(echo "$left") <(queues_left "$1"))
    done
    printf 'the tests left queues behind:\n%s\n' "$left"
    return 1
}
