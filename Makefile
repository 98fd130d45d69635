# The commands for developers and users. A target of more than a few lines is a script in scripts/; scripts/setup installs
# missing packages.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help

# The parts of make test, in this order, and those of make verify. The emulated Pi mostly uses one core, so the rest of make verify
# runs beside it.
TEST := format lint unit docs manual service
VERIFY_PI := package-arm64 emulate accept
VERIFY := older package-amd64 package-armhf reproduce installed cross other-suite

.PHONY: help demo pi test verify $(TEST) $(VERIFY_PI) $(VERIFY) endure home-assistant miri fuzz check deny machete typos coverage bench \
        compare bench-mqtt flakes pictures arm64 armhf completions overlays unit-file deb programs build install uninstall

# Debian's architecture of the programs and the package: arm64, but armhf on a 32-bit Raspberry Pi OS.
ARCH ?= $(shell dpkg --print-architecture 2>/dev/null | grep -x armhf || echo arm64)
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
DEB_VERSION := $(VERSION)-1
FUZZ_SECONDS ?= 60
# The Debian release of the emulated Pi: trixie or bookworm.
export SUITE ?= trixie

# The directories of make install.
DESTDIR ?=
PREFIX ?= /usr/local

## make demo     build, and show a controller with a simulated LED
## make pi       run a shell on an emulated Raspberry Pi with both programs, and show the level of its pin
## make test     run the tests that this machine can run by itself: about 6 minutes the first time, then 2
## make verify   test the packages, on an emulated Raspberry Pi and on another release of Debian: half an hour
## make arm64    build the programs for a Raspberry Pi, into target/arm64; make armhf for a 32-bit system
## make deb      build the packages for a Raspberry Pi, into target; ARCH=armhf for a 32-bit system, ARCH=amd64 for a PC
## make programs build only controller and led for this machine, into target/release
## make build    build for this machine; then, as root, make install (or uninstall), with DESTDIR= and PREFIX=/usr/local
## make check    check licences, advisories, unused dependencies, spelling and coverage
## make fuzz     run a fuzzer on the decoders and parsers, FUZZ_SECONDS=60 each; needs a nightly compiler
## make emulate  run only the tests on the emulated Raspberry Pi
## make accept   run only the tests of the package, in a Debian on the emulated Raspberry Pi
## make endure   test faults, floods and kills for many minutes
## make home-assistant  show that Home Assistant finds and controls an LED over MQTT, with simulated LEDs
## make bench    compare the programs as they are shipped with the same programs in C, and measure led-mqtt with a broker
## make pictures draw docs/pictures/session.svg from a real session
help:
	@sed -n 's/^## //p' Makefile

test:
	@+scripts/parts test "$(TEST)"
verify:
	@+scripts/parts verify "$(VERIFY_PI)" "$(VERIFY)"
emulate cross manual overlays older endure home-assistant deny coverage pictures lint unit other-suite flakes:
	@scripts/$@
demo accept reproduce installed compare bench-mqtt:
	@+scripts/$@
package-arm64 package-armhf package-amd64:
	@+scripts/package $(@:package-%=%)
service: unit-file
	@scripts/service
fuzz:
	@scripts/fuzz $(FUZZ_SECONDS)
arm64 armhf:
	@scripts/programs $@ core

format:
	@scripts/setup rust lint
	cargo fmt --all --check
	cargo fmt --manifest-path fuzz/Cargo.toml --check

docs:
	@scripts/setup rust
	RUSTDOCFLAGS="--deny warnings" cargo doc --locked --workspace --no-deps

pi:
	@scripts/emulate shell
bench: compare bench-mqtt
	@scripts/emulate latency

# Tests messages, requests and replies with miri, which detects undefined behaviour. Needs a nightly compiler that has miri.
miri:
	@cargo +nightly miri --version
	MIRIFLAGS=-Zmiri-disable-isolation cargo +nightly miri test --package shared --lib --target-dir target/miri

# Not a part of make test: the tools take minutes to install, and a new advisory can fail the check without a change here.
check: deny machete typos coverage
machete typos: export PATH := $(PATH):$(or $(CARGO_HOME),$(HOME)/.cargo)/bin
machete:
	@scripts/setup rust cargo-machete
	echo "== unused dependencies"
	cargo machete
typos:
	@scripts/setup rust typos-cli
	echo "== spelling"
	typos

completions:
	@scripts/setup rust
	cargo run --locked --package command --example completions target/completions
	cargo run --locked --package mqtt --example led-mqtt-completions target/completions

# The template for further LEDs is the unit itself, with the instance's options. The name of the instance is its key by default.
unit-file:
	@mkdir -p target
	sed -e 's|^Description=.*|& %i|' -e 's|/etc/default/led-controller|&-%i|' -e 's|/controller $$OPTIONS|/controller --key %i $$OPTIONS|' systemd/led-controller.service >target/led-controller@.service

deb:
	@+scripts/deb $(ARCH) $(DEB_VERSION) core mqtt

# The client is `command` to cargo, and `led` to its users.
programs:
	@scripts/setup rust
	cargo build --release --locked --package controller --package command
	ln -sf command target/release/led

build: unit-file completions overlays programs

install uninstall:
	@scripts/install $@ "$(PREFIX)" "$(DESTDIR)"
