# What one runs by hand; .ci/run runs the tests the same way.
.DEFAULT_GOAL := help
.PHONY: help demo test build dist sbom

# A fresh rustup puts cargo here, and a shell that was open before does not know it yet.
export PATH := $(PATH):$(HOME)/.cargo/bin

help:             ## this list
	@sed -n 's/^\([a-z]*\): *## /  make \1\t/p' Makefile | expand -t 14

demo:             ## build, then start a gateway with an app behind it on 127.0.0.1:8000
	@tests/setup build
	cargo run --release --locked -- demo

test:             ## formatting, lints and every test
	@tests/setup test
	@tests/run

build:            ## target/release/authgate, quickly built
	@tests/setup build
	cargo build --release --locked

# The same bytes wherever and whenever it is built: no folder of this machine is in the program, and not
# the time either, which C code asks for.
CARGO_HOME ?= $(HOME)/.cargo
dist: export RUSTFLAGS = --remap-path-prefix=$(CURDIR)=/authgate --remap-path-prefix=$(CARGO_HOME)=/cargo
dist: export SOURCE_DATE_EPOCH = 0
dist: export CFLAGS = -ffile-prefix-map=$(CURDIR)=/authgate -ffile-prefix-map=$(CARGO_HOME)=/cargo
dist:             ## target/dist/authgate, slowly built: what packages and benchmarks use
	@tests/setup build
	cargo build --profile dist --locked

sbom:             ## target/authgate.cdx.json, the bill of materials (CycloneDX)
	@tests/sbom
