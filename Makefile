# The commands for developers and users. A target of more than a few lines is a script in scripts/; scripts/setup installs
# missing packages.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help

# The parts of make test, in this order.
PARTS := format lint unit mqtt docs manual service package cross 32-bit emulate accept

.PHONY: help demo pi test $(PARTS) endure home-assistant miri fuzz check deny machete typos coverage bench compare bench-mqtt pictures \
        arm64 armhf programs completions unit-file deb build install uninstall

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
## make test     run all tests, on this machine and on an emulated Raspberry Pi
## make arm64    build the programs for a Raspberry Pi, into target/arm64; make armhf for a 32-bit system
## make deb      build the packages for a Raspberry Pi, into target; ARCH=armhf for a 32-bit system, ARCH=amd64 for a PC
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
	@+scripts/test $(PARTS)
demo emulate 32-bit cross manual endure home-assistant deny coverage pictures lint unit mqtt:
	@scripts/$@
package accept compare bench-mqtt:
	@+scripts/$@
service: unit-file
	@scripts/service
fuzz:
	@scripts/fuzz $(FUZZ_SECONDS)
arm64 armhf:
	@scripts/programs $@
programs:
	@scripts/programs $(ARCH)

format:
	@scripts/setup rust lint
	echo "== format"
	cargo fmt --all --check
	cargo fmt --manifest-path fuzz/Cargo.toml --check

docs:
	@scripts/setup rust
	echo "== documentation"
	RUSTDOCFLAGS="--deny warnings" cargo doc --quiet --workspace --no-deps

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
	cargo run --release --quiet --package command --example completions --target-dir target target/completions

# The template for further LEDs is the unit itself, with the instance's options.
unit-file:
	@mkdir -p target
	sed -e 's|^Description=.*|& %i|' -e 's|/etc/default/led-controller|&-%i|' systemd/led-controller.service >target/led-controller@.service

deb: programs unit-file completions
	@cargo run --release --quiet --package mqtt --example led-mqtt-completions --target-dir target target/completions
	scripts/deb $(ARCH) $(DEB_VERSION) controller target/led-controller_$(DEB_VERSION)_$(ARCH).deb
	scripts/deb $(ARCH) $(DEB_VERSION) mqtt target/led-controller-mqtt_$(DEB_VERSION)_$(ARCH).deb

build: unit-file completions
	@scripts/setup rust
	cargo build --release --quiet --package controller --package command --target-dir target

install uninstall:
	@scripts/install $@ "$(PREFIX)" "$(DESTDIR)"
