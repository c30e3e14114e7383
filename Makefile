# acclient: what people and CI run. `make` alone says what there is.

CARGO ?= cargo
CC ?= cc
TARGET := $(or $(CARGO_TARGET_DIR),target)
# Where the demo's C program is built.
BUILD := $(TARGET)/demo
C_SOURCES := $(wildcard examples/*.c tests/c/*.c tests/c/*.h)

.PHONY: help demo test check header tools measure install uninstall

help:
	@echo "make demo     runs commands on a small grid on this machine, from Rust and from C"
	@echo "make test     checks the sources and runs all tests"
	@echo "make check    formatting, lints, documentation; part of make test"
	@echo "make header   writes include/acclient.h anew"
	@echo "make install  installs library, headers, pkg-config and CMake files under PREFIX (/usr/local),"
	@echo "              below DESTDIR where that is set; make uninstall takes them away"
	@echo "make measure  deadlines, cancelling, round trips, fan-outs and leaks, in figures"

demo:
	@scripts/need.sh cc redis-server
	@echo "Building; the first time takes a minute."
	@$(CARGO) build --quiet -p devgrid
	@$(CARGO) build --quiet --lib --example quickstart
	@mkdir -p $(BUILD)
	@$(CC) -Wall -Wextra -Iinclude examples/quickstart.c -o $(BUILD)/quickstart \
		-L$(TARGET)/debug -lacclient -Wl,-rpath,$(abspath $(TARGET))/debug
	@$(TARGET)/debug/devgrid -- sh -c '$(TARGET)/debug/examples/quickstart && \
		printf "\n\n######## The same from C\n\n" && $(BUILD)/quickstart'
	@echo
	@echo "That was examples/quickstart.rs and examples/quickstart.c. README.md goes on from here."

test: tools check
	$(CARGO) test --workspace

check: tools
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps --workspace
	clang-format --dry-run --Werror $(C_SOURCES)

# All that the tests use. Where something cannot be had, this says what to install.
tools:
	@scripts/need.sh cc c++ clang clang-format cmake go nm pkg-config python3 redis-server valgrind

header:
	ACCLIENT_WRITE_HEADER=1 $(CARGO) test --test header

# As PREFIX=/opt/acclient make install, or make install PREFIX=/usr DESTDIR=/tmp/package.
export PREFIX LIBDIR INCLUDEDIR DESTDIR
install:
	$(CARGO) build --release --lib
	@scripts/install.sh install $(TARGET)

uninstall:
	@scripts/install.sh uninstall $(TARGET)

measure:
	@scripts/need.sh cc redis-server
	$(CARGO) bench --bench measure --bench fanout
