# The words a person types. Each installs what it needs where that is missing, and says so.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
.PHONY: help demo test format lint unit docs pi arm64 rust test-packages

SUDO := $(if $(filter 0,$(shell id -u)),,sudo)

# Debian's packages that the tests use: the arm64 toolchain, the emulated Pi, and clients in other languages.
TEST_PACKAGES := gcc-aarch64-linux-gnu libc6-dev-arm64-cross rustc-web libstd-rust-web-dev:arm64 \
                 qemu-system-arm cpio strace util-linux python3 python3-sysv-ipc

help:
	@echo "make demo    build, and show a controller with a simulated LED at work"
	echo "make test    all tests, on this machine and on an emulated Raspberry Pi"
	echo "make arm64   build both programs for a Raspberry Pi with Debian's toolchain, into target/debian"
	echo "make pi      the tests on the emulated Raspberry Pi alone"

demo: rust
	@cargo build --release --quiet --package controller --package command
	export RUNTIME_DIRECTORY=$$(mktemp -d)
	key=$$((0x10000000 + $$$$))
	controller() { echo "$$ ./controller --simulate" >&2; target/release/controller --simulate --key $$key; }
	command_() { echo "$$ ./command $$1"; target/release/command --key $$key "$$1"; }
	controller & controller=$$!
	trap 'kill $$controller 2>/dev/null || true; wait; rm -r "$$RUNTIME_DIRECTORY"' EXIT
	for _ in $$(seq 100); do target/release/command --key $$key status >/dev/null 2>&1 && break; sleep 0.1; done
	for verb in on status toggle off exit; do sleep 0.5; command_ $$verb; done

test: format lint unit docs pi

format: rust
	@echo "== format"
	cargo fmt --all --check

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

arm64: test-packages
	@cargo run --quiet --package acceptance -- build

pi: test-packages
	@echo "== the emulated Raspberry Pi"
	cargo run --quiet --package acceptance

rust:
	@command -v cargo >/dev/null && command -v cc >/dev/null && exit 0
	echo "== installing Rust from Debian's packages"
	$(SUDO) apt-get update --quiet=2
	$(SUDO) apt-get install --quiet=2 --yes --no-install-recommends rustc-web cargo-web rustfmt-web gcc libc6-dev

test-packages: rust
	@missing=$$(for package in $(TEST_PACKAGES); do
		dpkg-query --show --showformat '$${db:Status-Abbrev}' $$package 2>/dev/null | grep -q ^ii || echo $$package
	done)
	test -n "$$missing" || exit 0
	echo "== installing" $$missing
	$(SUDO) dpkg --add-architecture arm64
	$(SUDO) apt-get update --quiet=2
	DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install --quiet=2 --yes --no-install-recommends $$missing >/dev/null
