# acclient: what people and CI run. `make` alone says what there is.

CARGO ?= cargo
CC ?= cc
CXX ?= c++
TARGET := $(or $(CARGO_TARGET_DIR),target)
# The Go that scripts/need.sh downloads where the system's is too old.
export PATH := $(abspath $(TARGET))/go/bin:$(PATH)
# Where the demo's C program is built.
BUILD := $(TARGET)/demo
C_SOURCES := $(wildcard examples/*.c examples/*.cpp tests/c/*.c tests/c/*.h tests/cpp/*.cpp tests/cpp/*.hpp \
	include/*.hpp include/acclient/*.hpp)

# Where `make lib` puts the C library.
LIBRARY := $(abspath $(TARGET))/capi
# PREFIX and the like are for `make install` alone.
INSTALL_HERE := LIBDIR= INCLUDEDIR= MANDIR= DOCDIR= DESTDIR= scripts/install.sh

.PHONY: help public-api public-api-check publish-check msrv minimal-versions deny cross demo lib acctl examples test \
	test-languages test-others servers check header tools model fuzz miri sanitizers bench install install-acctl \
	uninstall abi deb dist

help:
	@echo "make demo     runs commands on a small grid on this machine, from Rust and from C"
	@echo "make lib      builds the C library, shared and static, with its headers, in target/capi/release;"
	@echo "              make lib PROFILE=dev builds it without optimization, in target/capi/debug"
	@echo "make acctl    builds acctl, the grid from a shell"
	@echo "make examples the same tour in Rust, C, C++ and Go, from an installation of its own"
	@echo "make test     checks the sources and runs all tests"
	@echo "make servers  runs the integration tests on each server program in SERVERS, and counts what passed,"
	@echo "              was skipped and failed"
	@echo "make check    formatting, lints, documentation; part of make test"
	@echo "make header   writes include/acclient.h anew, and its copy in go"
	@echo "make public-api  lists the public API of the crate in docs/public-api.txt (needs cargo-public-api)"
	@echo "make publish-check  packs the crates as for crates.io, and builds what was packed"
	@echo "make msrv     all tests with the oldest Rust that is supported; MSRV_TESTS=--lib for some of them"
	@echo "make minimal-versions  compiles with the oldest version of each dependency that Cargo.toml allows"
	@echo "make deny     licences, security advisories and duplicates of the dependencies (needs cargo-deny)"
	@echo "make cross    compiles for every target of docs/platforms.md, and writes its table"
	@echo "make install  installs the C library, headers, pkg-config and CMake files and the Go package under"
	@echo "              PREFIX (/usr/local), below DESTDIR where that is set; make install-acctl installs acctl"
	@echo "              with completions and man pages; make uninstall removes both"
	@echo "make dist     an archive with the C library, headers, pkg-config and CMake files and the Go package, for"
	@echo "              people without Rust, in target/dist; make deb builds Debian packages in target/deb"
	@echo "make abi      compares the ABI of the release library with packaging/libacclient.so.0.1.abi"
	@echo "make miri     runs the code that moves pointers and counts bytes under Miri; make sanitizers runs the"
	@echo "              library under AddressSanitizer and ThreadSanitizer (both need a nightly toolchain)"
	@echo "make fuzz     runs every fuzz target for SECONDS_EACH (60) seconds"
	@echo "make model    plays ACCLIENT_MODEL_RUNS (2000) random schedules of calls and faults, from a new seed, on a"
	@echo "              real server, and as many of two kinds on a simulated one"
	@echo "make bench    all figures of docs/performance.md, beside their goals and rivals; some of them with"
	@echo "              FIGURES, of submit round-trip calls deadlines fanout waits writer memory grid"

demo:
	@scripts/need.sh cc redis-server
	@echo "Building; the first time takes a minute."
	@$(CARGO) build --quiet -p acclient-devgrid
	@$(CARGO) build --quiet --example quickstart
	@$(CARGO) lib dev >/dev/null
	@mkdir -p $(BUILD)
	@$(CC) -Wall -Wextra -I$(LIBRARY)/debug/include examples/quickstart.c -o $(BUILD)/quickstart \
		-L$(LIBRARY)/debug -lacclient -Wl,-rpath,$(LIBRARY)/debug
	@$(TARGET)/debug/devgrid -- sh -c '$(TARGET)/debug/examples/quickstart && \
		printf "\n\n######## The same from C\n\n" && $(BUILD)/quickstart'
	@echo
	@echo "That was examples/quickstart.rs and examples/quickstart.c. README.md goes on from here."

PROFILE ?= release
lib:
	@$(CARGO) lib $(PROFILE)

acctl:
	$(CARGO) build --release -p acctl
	@echo "It is $(TARGET)/release/acctl; try $(TARGET)/release/acctl --help"

# The quickstart of each language, built as a program of its own would be.
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

# How many tests run at a time: twice as many as there are processors, since most of them wait for servers
# and processes.
TEST_THREADS ?= $(shell echo $$(( 2 * $$(nproc 2>/dev/null || echo 2) )))

# With the C layer everywhere, so that its unit tests run too and the crate is compiled for one set of
# features. Rust programs without it are tested by tests/languages/packaging.rs.
TESTS := ACCLIENT_LIBRARY_DIR=$(LIBRARY)/debug RUST_TEST_THREADS=$(TEST_THREADS) \
	$(CARGO) test --workspace --features capi
# Every test program but that of the languages.
WAITING_TESTS := $(patsubst %,--test=%,$(filter-out languages,$(notdir $(patsubst %/main.rs,%,$(wildcard \
	tests/*/main.rs acctl/tests/*/main.rs devgrid/tests/*/main.rs)))))
test: tools check
	$(CARGO) lib dev
	$(TESTS) --no-run
	$(MAKE) --jobs=2 $(if $(filter output-sync,$(.FEATURES)),--output-sync=target) test-languages test-others

# Compilers keep the processors busy in one half of the tests. The other half waits for servers and processes
# most of the time, so both run at once.
test-languages:
	$(TESTS) --test=languages
test-others:
	$(TESTS) --lib --bins $(WAITING_TESTS)
	$(TESTS) --doc

# As make servers SERVERS="/opt/valkey/bin/valkey-server /opt/redis-6.2/bin/redis-server".
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

# All that the tests use. Where something cannot be had, this says what to install.
tools:
	@scripts/need.sh abidiff bash cc cffi c++ clang clang-format cmake fish go mandoc nm pkg-config python3 redis-server valgrind zsh

header:
	ACCLIENT_WRITE_HEADER=1 $(CARGO) test --test languages header::

# The baseline of the Rust API, by which a review sees what a change does to it. rustdoc writes the JSON that
# the tool reads only with this variable.
public-api:
	RUSTC_BOOTSTRAP=1 $(CARGO) rustdoc --quiet --lib -- -Z unstable-options --output-format json
	cargo-public-api public-api --rustdoc-json $(TARGET)/doc/acclient.json -sss > $(TARGET)/public-api.txt
	mv $(TARGET)/public-api.txt docs/public-api.txt

public-api-check: public-api
	git diff --exit-code docs/public-api.txt

# PUBLISH=--allow-dirty for what is not committed.
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

# The database of advisories comes from GitHub.
deny:
	@command -v cargo-deny >/dev/null || { echo "*** NOT CHECKED: cargo install cargo-deny ***" >&2; exit 1; }
	cargo deny check

cross:
	@scripts/cross.sh $(TARGETS)

# As PREFIX=/opt/acclient make install, or make install PREFIX=/usr DESTDIR=/tmp/package.
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

# For people without Rust: an archive that can be unpacked anywhere.
DIST = $(abspath $(TARGET))/dist
dist:
	@$(CARGO) lib release
	@scripts/relink.sh $(LIBRARY)/release
	@SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$(DATE)} scripts/dist.sh $(LIBRARY)/release $(DIST)

# The Debian packages. -d: cargo may be one that dpkg does not know of.
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
	@echo "The packages are in $(DEB)"

# What a change does to the ABI, in the library as it is shipped. tests/languages/abi.rs compares the types too.
abi:
	@scripts/need.sh abidiff
	@$(CARGO) lib release
	@scripts/relink.sh $(LIBRARY)/release
	abidiff packaging/libacclient.so.0.1.abi $(LIBRARY)/release/libacclient.so

# Each time other schedules, unless a seed is given. It prints how many a minute were played, and the seeds of
# those that failed.
ACCLIENT_MODEL_RUNS ?= 2000
ACCLIENT_MODEL_SEED ?= $(shell date +%s)000
model:
	@scripts/need.sh redis-server
	ACCLIENT_MODEL_SEED=$(ACCLIENT_MODEL_SEED) ACCLIENT_MODEL_RUNS=$(ACCLIENT_MODEL_RUNS) \
		$(CARGO) test --features capi --lib -- agree_with_the_model --nocapture
	ACCLIENT_MODEL_SEED=$(ACCLIENT_MODEL_SEED) ACCLIENT_MODEL_RUNS=$(ACCLIENT_MODEL_RUNS) \
		$(CARGO) test --features capi --test integration -- model::random --nocapture

# The code that moves pointers and counts bytes, without its system calls: what Miri can run.
MIRI_TESTS ?= transport::framer transport::reply transport::address ffi::guard ffi::text ffi::status ffi::progress
miri:
	@rustup component list --toolchain nightly 2>/dev/null | grep -q '^miri.*(installed)' || \
		{ echo "install it with: rustup toolchain install nightly --component miri,rust-src" >&2; exit 1; }
	RUST_BACKTRACE=0 MIRIFLAGS=-Zmiri-disable-isolation CARGO_TARGET_DIR=$(abspath $(TARGET))/miri \
		$(CARGO) +nightly miri test --features capi --lib -- $(MIRI_TESTS)

# The library itself under the sanitizers; make test has them for C and C++ programs.
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
