# The words a person types. Each installs what it needs where that is missing, and says so.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help

# What cargo installs, and its version.
TOOLS := cargo-deb cargo-deny cargo-fuzz cargo-llvm-cov cargo-machete typos-cli
VERSION_cargo-deb := 3.8.0
VERSION_cargo-deny := 0.20.2
VERSION_cargo-fuzz := 0.13.2
VERSION_cargo-llvm-cov := 0.9.1
VERSION_cargo-machete := 0.9.2
VERSION_typos-cli := 1.42.3

.PHONY: help demo pi test format lint unit docs manual emulate accept endure miri fuzz check deny machete shellcheck typos coverage bench compare pictures \
        arm64 completions deb build install uninstall unit-file service package cross rust toolchain nightly test-packages bench-packages $(TOOLS)

# Where it installs them, and cross.
export PATH := $(PATH):$(or $(CARGO_HOME),$(HOME)/.cargo)/bin
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)

# Debian's packages that the tests use: a C compiler for arm64, the emulated Pi, and clients in other languages.
TEST_PACKAGES := gcc-aarch64-linux-gnu libc6-dev-arm64-cross \
                 qemu-system-arm cpio strace util-linux python3 python3-sysv-ipc \
                 mmdebstrap arch-test qemu-user-static binfmt-support zstd device-tree-compiler \
                 systemd lintian mandoc man-db perl zsh fish jq bsdutils
# Those that the benchmarks use.
BENCH_PACKAGES := valgrind strace
# Commands that install those of these packages that are not there, for arm64 too.
define install
missing=$$(for package in $(1); do
    dpkg-query --show --showformat '$${db:Status-Abbrev}' $$package 2>/dev/null | grep -q ^ii || echo $$package
done)
if test -n "$$missing"; then
    echo "== installing" $$missing
    $(SUDO) dpkg --add-architecture arm64
    $(SUDO) apt-get update --quiet=2
    DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install --quiet=2 --yes --no-install-recommends $$missing >/dev/null
fi
endef

# The package and the Pi get static programs, one file for every Debian and Raspberry Pi OS: docs/install.md has the figures. They
# are linked to musl, for which rustup has the standard library. Debian has none, and its toolchain links them to glibc.
ARCH ?= arm64
MACHINE_arm64 := aarch64
MACHINE_amd64 := x86_64
MUSL := $(MACHINE_$(ARCH))-unknown-linux-musl
GLIBC := $(MACHINE_$(ARCH))-unknown-linux-gnu
GLIBC_PACKAGES_arm64 := rustc-web libstd-rust-web-dev:arm64 gcc-aarch64-linux-gnu libc6-dev-arm64-cross
# A command that prints which of the two can be linked to, once `toolchain` has been made.
triple = if compgen -G "$$(rustc --print target-libdir --target $(MUSL))/libstd-*.rlib" >/dev/null; then echo $(MUSL); else echo $(GLIBC); fi
PROGRAMS := target/$(ARCH)
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
DEB_VERSION := $(VERSION)-1
DEB := target/led-controller_$(DEB_VERSION)_$(ARCH).deb

# The Debian of the emulated Pi: trixie, or bookworm.
export SUITE ?= trixie

# Where `make install` puts things.
DESTDIR ?=
PREFIX ?= /usr/local
# Debian's zsh does not look where others do, but below /usr/local.
ZSH_COMPLETIONS := $(if $(and $(filter /usr,$(PREFIX)),$(wildcard /etc/debian_version)),vendor-completions,site-functions)

help:
	@echo "make demo     build, and show a controller with a simulated LED at work"
	echo "make pi       an emulated Raspberry Pi to type at, with both programs, and a lamp that shows its pin"
	echo "make test     all tests, on this machine and on an emulated Raspberry Pi"
	echo "make arm64    build both programs for a Raspberry Pi, into $(PROGRAMS)"
	echo "make deb      build $(DEB); ARCH=amd64 for this kind of machine"
	echo "make build    build for this machine; then, as root, make install (or uninstall) DESTDIR=$(DESTDIR) PREFIX=$(PREFIX)"
	echo "make check    licences, unused dependencies, scripts, spelling, coverage"
	echo "make fuzz     the decoders and parsers against a fuzzer, FUZZ_SECONDS=$(FUZZ_SECONDS) each; needs a nightly compiler"
	echo "make emulate  the tests on the emulated Raspberry Pi alone"
	echo "make accept   the tests of the package in a Debian on the emulated Raspberry Pi alone"
	echo "make endure   faults, floods and sudden ends for minutes"
	echo "make bench    the programs as they are shipped beside the same exercise in C: a table of what takes how long"
	echo "make pictures draw docs/pictures/session.svg anew from a real session"

demo: rust
	@echo "== building, which takes a minute or more the first time"
	cargo build --release --quiet --package controller --package command --target-dir target
	export LED_LOCK_DIRECTORY=$$(mktemp -d)
	key=$$((0x10000000 + $$$$))
	controller() { echo "$$ ./controller --simulate" >&2; target/release/controller --simulate --key $$key; }
	command_() { echo "$$ ./command $$*"; target/release/command --key $$key "$$@"; }
	# In the background as of an interactive shell: the lamp leaves the lines of the terminal to the commands.
	set -m
	controller & controller=$$!
	set +m
	trap 'kill $$controller 2>/dev/null || true; wait; rm -r "$$LED_LOCK_DIRECTORY"' EXIT
	until target/release/command --key $$key status >/dev/null 2>&1; do kill -0 $$controller; sleep 0.1; done
	for verb in on status toggle "blink 200ms 200ms --count 3" doctor exit; do command_ $$verb; sleep 1; done
	echo "== both programs are in target/release: ./controller --simulate & and ./command on, there, are yours to try"

pi: test-packages
	@cargo run --quiet --package acceptance -- shell

test: format lint unit docs manual service package cross emulate accept

format: rust
	@echo "== format"
	cargo fmt --all --check
	cargo fmt --manifest-path fuzz/Cargo.toml --check

lint: rust
	@echo "== lints"
	cargo clippy --quiet --workspace --all-targets -- --deny warnings

# Tests of other users' rights need root; the rest of the ignored ones need the packages.
unit: test-packages
	@echo "== tests on this machine"
	queues() { ipcs -q | grep -c '^0x' || true; }
	before=$$(queues)
	cargo test --workspace
	$(if $(SUDO),cargo --config 'target."cfg(unix)".runner = "sudo --preserve-env"' ,cargo )test --workspace --tests -- --ignored
	test "$$(queues)" -le "$$before" || { echo "the tests left queues behind:"; ipcs -q; exit 1; }

docs: rust
	@echo "== documentation"
	RUSTDOCFLAGS="--deny warnings" cargo doc --quiet --workspace --no-deps

# Each of the two formatters finds what the other lets pass: mandoc wrong macros, groff lines that are too wide.
manual: test-packages
	@echo "== manual pages"
	mandoc -T lint -W warning man/*
	for page in man/*; do
		said=$$(LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z $$page 2>&1 >/dev/null)
		test -z "$$said" || { echo "$$page: $$said"; exit 1; }
	done

# The programs as the package has them, for many minutes; make test has the short form of each.
endure: test-packages
	@echo "== endurance"
	arch=$$(dpkg --print-architecture)
	$(MAKE) --no-print-directory arm64 ARCH=$$arch
	ulimit -n 8192
	export LED_ENDURE=1 LED_PROGRAMS=$(CURDIR)/target/$$arch
	cargo test --release --package acceptance --target-dir target --test endure -- --include-ignored --nocapture --test-threads 1
	cargo test --release --package acceptance --target-dir target --test life -- --nocapture at_any_instant

# Messages, requests and answers under the interpreter that sees undefined behaviour. Debian has no such compiler: this is for
# who has a nightly one with miri.
miri:
	@cargo +nightly miri --version
	MIRIFLAGS=-Zmiri-disable-isolation cargo +nightly miri test --package shared --lib --target-dir target/miri

# Decoders and parsers against what a fuzzer makes of fuzz/seeds; fuzz/corpus keeps what led further, fuzz/artifacts what failed.
# This too is for who has a nightly compiler, as only that one reports coverage while the program runs.
FUZZ_TARGETS := request reply duration options
FUZZ_SECONDS ?= 60
fuzz: nightly cargo-fuzz
	@for target in $(FUZZ_TARGETS); do
		echo "== $$target"
		mkdir -p fuzz/corpus/$$target
		cargo +nightly fuzz run --target-dir target/fuzz $$target fuzz/corpus/$$target fuzz/seeds/$$target \
		    -- -max_total_time=$(FUZZ_SECONDS) -dict=fuzz/words.dict -print_funcs=0
	done

# What is worth a look now and then, and no part of `test`: its tools take minutes to install, and what they find may come from
# outside.
check: deny machete shellcheck typos coverage

deny: cargo-deny
	@echo "== licences, versions and sources of what is linked"
	cargo deny --locked check bans licenses sources
	# What has no other licence than this must be named with its authors where it is linked.
	for crate in $$(cargo tree --package controller --package command --edges normal,no-proc-macro --prefix none --format '{p}|{l}' \
	    | sed -n 's/ .*|MIT$$//p' | sort -u); do
		grep -qw $$crate debian/copyright || { echo "debian/copyright does not name $$crate"; exit 1; }
	done
	echo "== advisories"
	if cargo deny --locked fetch db >/dev/null 2>&1; then
		cargo deny --locked check advisories
	else
		echo "not checked: the database at github.com/rustsec/advisory-db cannot be fetched"
	fi

machete: cargo-machete
	@echo "== unused dependencies"
	cargo machete

shellcheck:
	@echo "== shell scripts"
	command -v shellcheck >/dev/null || { echo "== installing shellcheck"; $(SUDO) apt-get install --quiet=2 --yes shellcheck >/dev/null; }
	shellcheck .ci/run debian/postinst debian/postrm debian/prerm docs/pictures/session.sh

typos: typos-cli
	@echo "== spelling"
	typos

# With the LLVM that the compiler has, from Debian: rustup would want to install its own, and is kept from it.
coverage: cargo-llvm-cov
	@echo "== coverage"
	llvm=$$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
	command -v llvm-cov-$$llvm >/dev/null || $(SUDO) apt-get install --quiet=2 --yes --no-install-recommends llvm-$$llvm >/dev/null \
	    || { echo "not measured: Debian has no llvm-$$llvm, which this compiler is of"; exit 0; }
	export RUSTUP_DIST_SERVER=http://127.0.0.1:9 LLVM_COV=llvm-cov-$$llvm LLVM_PROFDATA=llvm-profdata-$$llvm
	cargo llvm-cov --quiet --workspace --summary-only --ignore-filename-regex /acceptance/

# Only with --target do the flags stay away from what cargo builds for itself.
arm64: toolchain
	@triple=$$($(triple))
	case $$triple in
	    *-musl) linker=rust-lld ;;
	    aarch64-*) linker=aarch64-linux-gnu-gcc; export RUSTC=/usr/bin/rustc ;;
	    *) linker=cc ;;
	esac
	variable=CARGO_TARGET_$$(tr a-z- A-Z_ <<<$$triple)
	export $${variable}_LINKER=$$linker
	export $${variable}_RUSTFLAGS="-C target-feature=+crt-static --remap-path-prefix=$(CURDIR)=. --remap-path-prefix=$${CARGO_HOME:-$$HOME/.cargo}=cargo"
	cargo build --release --quiet --package controller --package command --target $$triple --target-dir target/static
	install -D -t $(PROGRAMS) target/static/$$triple/release/controller target/static/$$triple/release/command

completions: rust
	@cargo run --release --quiet --package command --example completions --target-dir target target/completions

# The template for further LEDs is the unit itself, with the instance's options.
unit-file:
	@mkdir -p target
	sed -e 's|^Description=.*|& %i|' -e 's|/etc/default/led-controller|&-%i|' systemd/led-controller.service \
	    >target/led-controller@.service

deb: arm64 unit-file completions cargo-deb
	@CARGO_TARGET_DIR=target/static cargo deb --quiet --package controller --target $$($(triple)) --no-build --no-strip \
	    --deb-version $(DEB_VERSION) --output $(DEB)

build: rust unit-file completions
	@cargo build --release --quiet --package controller --package command --target-dir target

# Copies what is built, so that root need not build. The user, the group and the chips' group are there after the next boot, or
# after systemd-sysusers and systemd-tmpfiles.
install:
	@test -e target/release/command -a -e target/completions/led.fish || { echo "first, as yourself: make build" >&2; exit 1; }
	lib=$(DESTDIR)$(PREFIX)/lib
	share=$(DESTDIR)$(PREFIX)/share
	install -D -t $$lib/led-controller target/release/controller target/release/command
	install -d $(DESTDIR)$(PREFIX)/bin
	ln -sf ../lib/led-controller/command $(DESTDIR)$(PREFIX)/bin/led
	install -D -m 644 -t $$share/man/man8 man/controller.8
	install -D -m 644 man/command.1 $$share/man/man1/led.1
	install -D -m 644 -t $$share/man/man7 man/led-controller.7
	install -D -m 644 target/completions/led.bash $$share/bash-completion/completions/led
	install -D -m 644 -t $$share/zsh/$(ZSH_COMPLETIONS) target/completions/_led
	install -D -m 644 -t $$share/fish/vendor_completions.d target/completions/led.fish
	install -D -m 644 -t $$lib/systemd/system systemd/led-controller.service target/led-controller@.service
	sed -i 's|/usr/lib/led\(\\*\)-controller/|$(PREFIX)/lib/led\1-controller/|' $$lib/systemd/system/led-controller*.service \
	    $$share/man/man8/controller.8 $$share/man/man1/led.1
	install -D -m 644 systemd/led-controller.sysusers $$lib/sysusers.d/led-controller.conf
	install -D -m 644 systemd/led-controller.tmpfiles $$lib/tmpfiles.d/led-controller.conf
	install -D -m 644 -t $$lib/udev/rules.d systemd/60-led-controller.rules
	test -e $(DESTDIR)/etc/default/led-controller || install -D -m 644 systemd/led-controller.default $(DESTDIR)/etc/default/led-controller

# All but the options.
uninstall:
	@lib=$(DESTDIR)$(PREFIX)/lib
	share=$(DESTDIR)$(PREFIX)/share
	rm -rf $$lib/led-controller
	rm -f $(DESTDIR)$(PREFIX)/bin/led
	rm -f $$share/man/man8/controller.8 $$share/man/man1/led.1 $$share/man/man7/led-controller.7
	rm -f $$share/bash-completion/completions/led $$share/zsh/$(ZSH_COMPLETIONS)/_led $$share/fish/vendor_completions.d/led.fish
	rm -f $$lib/systemd/system/led-controller.service $$lib/systemd/system/led-controller@.service
	rm -f $$lib/sysusers.d/led-controller.conf $$lib/tmpfiles.d/led-controller.conf $$lib/udev/rules.d/60-led-controller.rules

emulate: test-packages
	@echo "== the emulated Raspberry Pi"
	cargo run --quiet --package acceptance

# A chroot for arm64 needs root, and nothing else here does.
accept: test-packages cargo-deb
	@echo "== the package in a Debian on the emulated Raspberry Pi"
	$(MAKE) --no-print-directory deb
	$(MAKE) --no-print-directory deb DEB=target/upgrade_arm64.deb DEB_VERSION=$(VERSION)-2
	cargo build --quiet --package acceptance --target-dir target
	$(SUDO) SUITE=$(SUITE) target/debug/acceptance target/led-controller_$(VERSION)-1_arm64.deb target/upgrade_arm64.deb

# In a terminal of its own, as the programs speak to a person there; and with an environment of its own, as NO_COLOR or
# RUST_LOG would change what they say.
pictures: rust
	@cargo build --release --quiet --package controller --package command --target-dir target
	script --quiet --return --echo never /dev/null \
	    --command 'env --ignore-environment TERM=xterm bash docs/pictures/session.sh target/release' \
	    | cargo run --quiet --package acceptance --bin picture >target/session.svg
	mv target/session.svg docs/pictures/session.svg

# Exposure is what systemd-analyze counts from 0 to 10; --threshold takes ten times that.
service: test-packages unit-file
	@echo "== unit"
	folder=$$(mktemp -d)
	trap 'rm -r $$folder' EXIT
	for unit in systemd/led-controller.service target/led-controller@.service; do
		sed 's|^\(Exec.*=[-+]*\)/usr/lib/led-controller/controller|\1/bin/true|' $$unit >$$folder/$$(basename $$unit)
	done
	said=$$(systemd-analyze verify --man=no $$folder/led-controller.service $$folder/led-controller@1.service 2>&1) || true
	test -z "$$said" || { echo "$$said"; exit 1; }
	systemd-analyze security --offline=true --threshold=5 $$folder/led-controller.service | tail -1

package: test-packages
	@echo "== package"
	for arch in arm64 amd64; do
		$(MAKE) --no-print-directory deb ARCH=$$arch
		deb=target/led-controller_$(VERSION)-1_$$arch.deb
		mv $$deb $$deb.first
		$(MAKE) --no-print-directory deb ARCH=$$arch >/dev/null
		cmp $$deb $$deb.first
		lintian --fail-on error,warning $$deb
	done
	echo "== make install, uninstall"
	$(MAKE) --no-print-directory build
	folder=$$(mktemp -d)
	trap 'rm -r $$folder' EXIT
	$(MAKE) --no-print-directory install DESTDIR=$$folder
	env --ignore-environment $$folder$(PREFIX)/bin/led --version
	$(MAKE) --no-print-directory uninstall DESTDIR=$$folder
	left=$$(find $$folder ! -type d)
	test "$$left" = $$folder/etc/default/led-controller || { echo "uninstall leaves $$left"; exit 1; }

# Its configuration, without an engine: cross reads it, warns about what it does not know, names its version, and would then
# install a toolchain. A RUSTUP_HOME of its own, and a server that is not there, keep it from changing this machine's.
cross: test-packages
	@echo "== cross.toml"
	command -v cross >/dev/null || { echo "== installing cross"; cargo install --quiet --locked cross@0.2.5; }
	export RUSTUP_HOME=$$(mktemp -d) RUSTUP_DIST_SERVER=http://127.0.0.1:9
	trap 'rm -r "$$RUSTUP_HOME"' EXIT
	mkdir $$RUSTUP_HOME/toolchains
	toolchain=stable-$$(env -u RUSTUP_HOME rustc -vV | sed -n 's/^host: //p')
	ln -s "$$(env -u RUSTUP_HOME rustc --print sysroot)" "$$RUSTUP_HOME/toolchains/$$toolchain"
	! command -v rustup >/dev/null || rustup --quiet default "$$toolchain" >/dev/null 2>&1
	# Past its configuration it wants the toolchain, and only that may fail.
	said=$$(CROSS_CONFIG=cross.toml cross --version 2>&1) || grep -q "couldn't install toolchain" <<<"$$said" || said="unused key $$said"
	! grep -A9 'unused key' <<<"$$said"

# The programs as the package for this machine has them.
bench: test-packages
	@$(MAKE) --no-print-directory compare ARCH=$$(dpkg --print-architecture)
	cargo run --quiet --package acceptance --target-dir target -- latency

compare: deb bench-packages
	@cargo build --release --quiet --package controller --package command --target-dir target
	mkdir -p target/reference
	for program in controller client; do
		cc -Wall -Wextra -Werror -O2 -o target/reference/$$program bench/reference/$$program.c
	done
	cargo bench --quiet --package bench -- $(abspath $(PROGRAMS) target/release target/reference $(DEB))

$(TOOLS): rust
	@command -v $(@:-cli=) >/dev/null && exit 0
	echo "== installing $@"
	cargo install --quiet --locked $@@$(VERSION_$@)

rust:
	@wanted=$$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
	if command -v cargo >/dev/null && command -v cc >/dev/null; then
		found=$$(rustc --version | cut -d' ' -f2)
		sort --check=quiet --version-sort <(printf '%s\n' $$wanted $$found) && exit 0
		echo "Rust $$found is too old, $$wanted is needed: Debian's rustc-web and cargo-web in its place, or rustup" >&2
		exit 1
	fi
	echo "== installing Rust from Debian's packages"
	$(SUDO) apt-get update --quiet=2
	$(SUDO) apt-get install --quiet=2 --yes --no-install-recommends rustc-web cargo-web rustfmt-web rust-web-clippy gcc libc6-dev

toolchain: rust
	@test $$($(triple)) = $(GLIBC) || exit 0
	if command -v rustup >/dev/null; then
		echo "== fetching Rust's standard library for $(MUSL)"
		! rustup --quiet target add $(MUSL) || exit 0
	fi
	echo "== linking to glibc instead, with Debian's toolchain"
	$(call install,$(GLIBC_PACKAGES_$(ARCH)))

# Said rather than installed: it would be another toolchain beside this machine's.
nightly: rust
	@needs() { echo "make fuzz needs $$1"; exit 1; }
	RUSTUP_AUTO_INSTALL=0 cargo +nightly --version >/dev/null 2>&1 \
	    || needs "a nightly compiler beside the other one: rustup toolchain install nightly --profile minimal"
	command -v c++ >/dev/null || needs "a C++ compiler for libFuzzer: apt-get install g++"

# The parts of the emulated Pi come from apt too, once: its lists must be there, and know arm64.
test-packages: rust
	@$(call install,$(TEST_PACKAGES))
	test -z "$$missing" -a ! -e .cache/pi/$(SUITE)/complete || exit 0
	$(SUDO) dpkg --add-architecture arm64
	$(SUDO) apt-get update --quiet=2

bench-packages: rust
	@$(call install,$(BENCH_PACKAGES))
