# Development and CI tasks of acclient; `make` lists them.

CARGO ?= cargo
CC ?= cc
CXX ?= c++
TARGET := $(or $(CARGO_TARGET_DIR),target)
# Directory of the Go that scripts/need.sh downloads if the system's is too old.
export PATH := $(abspath $(TARGET))/go/bin:$(PATH)
# Build directory of the demo's C program.
BUILD := $(TARGET)/demo
C_SOURCES := $(wildcard examples/*.c examples/*.cpp tests/c/*.c tests/c/*.h tests/cpp/*.cpp tests/cpp/*.hpp \
	include/*.hpp include/acclient/*.hpp)

# Output directory of `make lib`.
LIBRARY := $(abspath $(TARGET))/capi
# LIBDIR and the like apply to `make install` only.
INSTALL_HERE := LIBDIR= INCLUDEDIR= MANDIR= DOCDIR= DESTDIR= scripts/install.sh

.PHONY: help docs public-api public-api-check publish-check msrv minimal-versions deny cross demo lib acctl examples test \
	test-languages test-others servers check header tools model fuzz miri sanitizers bench install install-acctl \
	uninstall abi deb dist

help:
	@echo "Usage: make TARGET"
	@echo
	@echo "Build:"
	@echo "  lib               build the C library, shared and static, and its headers in target/capi/release;"
	@echo "                    PROFILE=dev builds without optimization in target/capi/debug"
	@echo "  acctl             build the command line acctl"
	@echo "  install           install the C library, headers, pkg-config and CMake files and the Go package"
	@echo "                    under PREFIX (/usr/local), staged in DESTDIR"
	@echo "  install-acctl     install acctl with completions and man pages"
	@echo "  uninstall         uninstall both"
	@echo "  dist              pack a binary archive of the C library and the Go package in target/dist"
	@echo "  deb               build Debian packages in target/deb"
	@echo "Examples:"
	@echo "  demo              run commands on a local development grid, from Rust and C"
	@echo "  examples          run the quickstart in Rust, C, C++ and Go, against an installed library"
	@echo "Tests:"
	@echo "  test              run all checks and tests"
	@echo "  check             check formatting, lints and documentation"
	@echo "  servers           run the integration tests on each server binary in SERVERS; count passed, skipped"
	@echo "                    and failed tests"
	@echo "  model             run ACCLIENT_MODEL_RUNS (2000) random schedules of calls and faults, with a new seed,"
	@echo "                    on a real server, and as many of two kinds on a simulated one"
	@echo "  fuzz              run every fuzz target for SECONDS_EACH (60) seconds"
	@echo "  miri              run the pointer and buffer code under Miri (nightly)"
	@echo "  sanitizers        run the library under AddressSanitizer and ThreadSanitizer (nightly)"
	@echo "  msrv              run all tests with the minimum supported Rust version; MSRV_TESTS=--lib for some"
	@echo "  minimal-versions  compile with the oldest dependency versions that Cargo.toml allows"
	@echo "  cross             compile for every target of docs/platforms.md and update its table"
	@echo "  deny              check licences, advisories and duplicates of dependencies (cargo-deny)"
	@echo "  publish-check     pack the crates for crates.io and build the packages"
	@echo "  bench             measure the figures of docs/performance.md; FIGURES selects from submit instructions"
	@echo "                    round-trip many calls deadlines fanout waits writer memory grid"
	@echo "Generated files:"
	@echo "  docs              build the API reference of each language and the man pages (doxygen)"
	@echo "  header            update include/acclient.h and its copy in go"
	@echo "  public-api        update docs/public-api.txt (cargo-public-api)"
	@echo "  abi               compare the ABI of the release library with packaging/libacclient.so.0.1.abi"

demo:
	@scripts/need.sh cc redis-server
	@echo "Building; the first build takes a minute."
	@$(CARGO) build --quiet -p acclient-devgrid
	@$(CARGO) build --quiet --example quickstart
	@$(CARGO) lib dev >/dev/null
	@mkdir -p $(BUILD)
	@$(CC) -Wall -Wextra -I$(LIBRARY)/debug/include examples/quickstart.c -o $(BUILD)/quickstart \
		-L$(LIBRARY)/debug -lacclient -Wl,-rpath,$(LIBRARY)/debug
	@$(TARGET)/debug/devgrid -- sh -c '$(TARGET)/debug/examples/quickstart && \
		printf "\n\n######## The same from C\n\n" && $(BUILD)/quickstart'
	@echo
	@echo "These were examples/quickstart.rs and examples/quickstart.c. See README.md for more."

PROFILE ?= release
lib:
	@$(CARGO) lib $(PROFILE)

acctl:
	$(CARGO) build --release -p acctl
	@echo "Built $(TARGET)/release/acctl; try $(TARGET)/release/acctl --help"

# The quickstart of each language, built against an installed library.
EXAMPLES := $(abspath $(TARGET))/examples-prefix
examples:
	@scripts/need.sh cc c++ go pkg-config redis-server
	@$(CARGO) build --quiet -p acclient-devgrid
	@$(CARGO) build --quiet --example quickstart
	@$(CARGO) lib dev >/dev/null
	@PREFIX=$(EXAMPLES) $(INSTALL_HERE) library $(LIBRARY)/debug
	@export PKG_CONFIG_PATH=$(EXAMPLES)/lib/pkgconfig LD_LIBRARY_PATH=$(EXAMPLES)/lib && \
	export CGO_LDFLAGS=-L$(EXAMPLES)/lib && \
	$(CC) examples/quickstart.c -o $(EXAMPLES)/quickstart-c $$(pkg-config --cflags --libs acclient) && \
	$(CXX) -std=c++17 examples/quickstart.cpp -o $(EXAMPLES)/quickstart-cpp \
		$$(pkg-config --cflags --libs acclient) && \
	(cd go && go build -o $(EXAMPLES)/quickstart-go ./quickstart) && \
	for program in $(TARGET)/debug/examples/quickstart $(EXAMPLES)/quickstart-c \
		$(EXAMPLES)/quickstart-cpp $(EXAMPLES)/quickstart-go; do \
		printf '\n######## %s\n\n' "$$(basename $$program)"; \
		$(TARGET)/debug/devgrid -- $$program || exit 1; \
	done

# Number of concurrent tests: twice the number of processors, since most tests wait for servers and processes.
TEST_THREADS ?= $(shell echo $$(( 2 * $$(nproc 2>/dev/null || echo 2) )))

# With the C layer, so that its unit tests run and the crate is compiled with one set of features.
# tests/languages/packaging.rs tests Rust programs without it.
TESTS := ACCLIENT_LIBRARY_DIR=$(LIBRARY)/debug RUST_TEST_THREADS=$(TEST_THREADS) \
	$(CARGO) test --workspace --features capi
# All test programs except that of the languages.
WAITING_TESTS := $(patsubst %,--test=%,$(filter-out languages,$(notdir $(patsubst %/main.rs,%,$(wildcard \
	tests/*/main.rs acctl/tests/*/main.rs devgrid/tests/*/main.rs)))))
test: tools check
	$(CARGO) lib dev
	$(TESTS) --no-run
	$(MAKE) --jobs=2 $(if $(filter output-sync,$(.FEATURES)),--output-sync=target) test-languages test-others

# The tests of the languages keep the processors busy with compilers; the others mostly wait. Both run concurrently.
test-languages:
	$(TESTS) --test=languages
test-others:
	$(TESTS) --lib --bins $(WAITING_TESTS)
	$(TESTS) --doc

# Example: make servers SERVERS="/opt/valkey/bin/valkey-server /opt/redis-6.2/bin/redis-server"
SERVERS ?=
servers:
	@RUST_TEST_THREADS=$(TEST_THREADS) scripts/servers.sh $(SERVERS)

check: tools
	$(CARGO) fmt --all --check
	$(CARGO) fmt --manifest-path fuzz/Cargo.toml --check
	$(CARGO) clippy --workspace --all-targets --features capi -- -D warnings
	$(CARGO) clippy --workspace -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps --lib --features capi
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps --workspace
	clang-format --dry-run --Werror $(C_SOURCES)
	@test -z "$$(gofmt -l go tests/oracle)" || { echo "gofmt: $$(gofmt -l go tests/oracle)" >&2; exit 1; }

# Tools that the tests need; prints what to install if one is missing.
tools:
	@scripts/need.sh abidiff bash cc cffi c++ clang clang-format cmake fish go mandoc nm pkg-config python3 redis-server valgrind zsh

# The API reference of each language, and the man pages.
REFERENCE := $(abspath $(TARGET))/reference
docs:
	@scripts/need.sh doxygen
	$(CARGO) doc --no-deps --workspace
	rm -rf $(REFERENCE)
	mkdir -p $(REFERENCE)/man
	{ cat docs/doxygen.conf; echo "OUTPUT_DIRECTORY = $(REFERENCE)"; } | doxygen -
	$(CARGO) run --quiet -p acctl -- man $(REFERENCE)/man
	@echo "Rust: $(abspath $(TARGET))/doc/acclient/index.html; C and C++: $(REFERENCE)/html/index.html;"
	@echo "Go: go doc -all in go; man pages: $(REFERENCE)/man"

header:
	ACCLIENT_WRITE_HEADER=1 $(CARGO) test --test languages header::

# Baseline of the Rust API, which shows API changes in reviews. rustdoc's JSON output is unstable, hence
# RUSTC_BOOTSTRAP.
public-api:
	RUSTC_BOOTSTRAP=1 $(CARGO) rustdoc --quiet --lib -- -Z unstable-options --output-format json
	cargo-public-api public-api --rustdoc-json $(TARGET)/doc/acclient.json -sss > $(TARGET)/public-api.txt
	mv $(TARGET)/public-api.txt docs/public-api.txt

public-api-check: public-api
	git diff --exit-code docs/public-api.txt

# PUBLISH=--allow-dirty includes uncommitted changes.
PUBLISH ?=
publish-check:
	$(CARGO) publish --workspace --dry-run $(PUBLISH)

# rust-version of Cargo.toml.
MSRV := $(shell sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
MSRV_TESTS ?=
msrv: tools
	@scripts/toolchain.sh $(MSRV)
	CARGO_TARGET_DIR=$(abspath $(TARGET))/msrv RUST_TEST_THREADS=$(TEST_THREADS) \
		rustup run $(MSRV) cargo test --workspace --features capi $(MSRV_TESTS)

minimal-versions:
	@scripts/minimal-versions.sh

# Fetches the advisory database from GitHub.
deny:
	@command -v cargo-deny >/dev/null || { echo "*** NOT CHECKED: cargo install cargo-deny ***" >&2; exit 1; }
	cargo deny check

cross:
	@scripts/cross.sh $(TARGETS)

# Examples: PREFIX=/opt/acclient make install; make install PREFIX=/usr DESTDIR=/tmp/package
export PREFIX LIBDIR INCLUDEDIR MANDIR DOCDIR DESTDIR NATIVE_LIBS
install:
	@$(CARGO) lib release
	@scripts/relink.sh $(LIBRARY)/release
	@scripts/install.sh library $(LIBRARY)/release

install-acctl: acctl
	@scripts/install.sh acctl $(TARGET)/release/acctl

uninstall:
	@scripts/install.sh uninstall

VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
DATE = $(shell git log -1 --format=%ct 2>/dev/null || date +%s)

# Relocatable binary archive for users without Rust.
DIST = $(abspath $(TARGET))/dist
dist:
	@$(CARGO) lib release
	@scripts/relink.sh $(LIBRARY)/release
	@SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$(DATE)} scripts/dist.sh $(LIBRARY)/release $(DIST)

# -d: cargo may not be installed as a Debian package.
DEB = $(abspath $(TARGET))/deb
TREE = $(DEB)/acclient-$(VERSION)
deb:
	@scripts/need.sh dh dpkg-buildpackage
	rm -rf $(DEB)
	mkdir -p $(TREE)
	tar -c --exclude=./.git --exclude=./target --exclude=./fuzz/target . | tar -x -C $(TREE)
	tar -C $(DEB) -czf $(DEB)/acclient_$(VERSION).orig.tar.gz acclient-$(VERSION)
	cp -r packaging/debian $(TREE)/debian
	cd $(TREE) && dpkg-buildpackage -us -uc -d
	@echo "Built packages in $(DEB)"

# Compares the ABI of the shipped library. tests/languages/abi.rs also compares types.
abi:
	@scripts/need.sh abidiff
	@$(CARGO) lib release
	@scripts/relink.sh $(LIBRARY)/release
	abidiff packaging/libacclient.so.0.1.abi $(LIBRARY)/release/libacclient.so

# Uses a new seed unless ACCLIENT_MODEL_SEED is set. Prints schedules per minute and the seeds of failures.
ACCLIENT_MODEL_RUNS ?= 2000
ACCLIENT_MODEL_SEED ?= $(shell date +%s)000
model:
	@scripts/need.sh redis-server
	ACCLIENT_MODEL_SEED=$(ACCLIENT_MODEL_SEED) ACCLIENT_MODEL_RUNS=$(ACCLIENT_MODEL_RUNS) \
		$(CARGO) test --features capi --lib -- agree_with_the_model --nocapture
	ACCLIENT_MODEL_SEED=$(ACCLIENT_MODEL_SEED) ACCLIENT_MODEL_RUNS=$(ACCLIENT_MODEL_RUNS) \
		$(CARGO) test --features capi --test integration -- model::random --nocapture

# Pointer and buffer code without system calls, which Miri can run.
MIRI_TESTS ?= transport::framer transport::reply transport::address ffi::guard ffi::text ffi::status ffi::progress
miri:
	@rustup component list --toolchain nightly 2>/dev/null | grep -q '^miri.*(installed)' || \
		{ echo "miri is missing: rustup toolchain install nightly --component miri,rust-src" >&2; exit 1; }
	RUST_BACKTRACE=0 MIRIFLAGS=-Zmiri-disable-isolation CARGO_TARGET_DIR=$(abspath $(TARGET))/miri \
		$(CARGO) +nightly miri test --features capi --lib -- $(MIRI_TESTS)

# The library under the sanitizers; make test covers C and C++ programs.
sanitizers:
	@scripts/sanitizers.sh

SECONDS_EACH ?= 60
fuzz:
	@scripts/need.sh c++ go
	@scripts/fuzz.sh $(SECONDS_EACH)

FIGURES ?=
bench:
	@scripts/need.sh cc go hiredis redis-server
	@$(CARGO) build --quiet -p acclient-devgrid
	@$(CARGO) lib release
	@PREFIX=$(EXAMPLES) $(INSTALL_HERE) library $(LIBRARY)/release
	@export PKG_CONFIG_PATH=$(EXAMPLES)/lib/pkgconfig LD_LIBRARY_PATH=$(EXAMPLES)/lib && \
	export CGO_LDFLAGS=-L$(EXAMPLES)/lib && \
	$(CARGO) bench --features capi --bench figures -- $(FIGURES)
