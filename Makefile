# What one runs by hand; .ci/run runs the tests the same way.
.DEFAULT_GOAL := help
.PHONY: help demo test build dist

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

dist:             ## target/dist/authgate, slowly built: what packages and benchmarks use
	@tests/setup build
	cargo build --profile dist --locked
