# Every target sets itself up: it needs Python 3.11 or later with its venv module, and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# What syncd itself needs, as in the image; READY adds what tests need
RUNS := $(VENV)/.runs
READY := $(VENV)/.ready
PINS := deploy/docker/requirements.lock deploy/docker/build.lock
PIP := $(BIN)/python -m pip install --disable-pip-version-check
BENCH := .venv-bench
RELEASE := .venv-release
DOCS := .venv-docs
# Twice the cores: half of the tests wait for a process of their own, or for a socket.
WORKERS ?= $(shell expr 2 '*' $$(getconf _NPROCESSORS_ONLN))

.PHONY: demo test proof lint format bench soak docs release lock wheels screenshot clean

demo: $(RUNS)
	@$(BIN)/syncd demo

test: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m tests.sentences
	$(BIN)/pytest -n $(WORKERS) --dist worksteal

# The whole proof, which takes 3 hours, or as many SECONDS as are asked for.
proof: $(READY)
	$(BIN)/python -m tests.proof $(or $(SECONDS),10800)

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m tests.sentences

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Against peers in environments of their own; BENCH_ONLY=csv,export picks cases: see tests/benchmarks/__main__.py.
bench: $(READY) $(BENCH)/.ready
	@$(BIN)/python -m tests.benchmarks.peers
	@$(BIN)/python -m tests.benchmarks; code=$$?; \
	  $(BENCH)/bin/python tests/benchmarks/plotting.py build/bench/bench.json && exit $$code

$(BENCH)/.ready: pyproject.toml
	@$(PYTHON) -m venv $(BENCH)
	@$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	@$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check --group bench
	@touch $@

# The real daemon for a while, under load and troubles: make soak SECONDS=3600. Results in build/soak.
soak: SECONDS ?= 900
soak: $(READY) $(BENCH)/.ready
	@$(BIN)/python -m tests.proof.soak --seconds $(SECONDS); code=$$?; \
	  $(BENCH)/bin/python -m tests.proof.soak.plotting build/soak/soak.json && exit $$code

# The files of a release from the last commit, in build/release; twice the same bytes. Uploads nothing.
release: $(RELEASE)/.ready
	@$(RELEASE)/bin/python deploy/release.py

$(RELEASE)/.ready: pyproject.toml
	@$(PYTHON) -m venv $(RELEASE)
	@$(RELEASE)/bin/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	@$(RELEASE)/bin/python -m pip install --quiet --disable-pip-version-check --group release
	@touch $@

# The pages as a site in build/docs, which asks no other machine for anything
docs: $(DOCS)/.ready
	@$(DOCS)/bin/python -m tests.docs.site

$(DOCS)/.ready: pyproject.toml
	@$(PYTHON) -m venv $(DOCS)
	@$(DOCS)/bin/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	@$(DOCS)/bin/python -m pip install --quiet --disable-pip-version-check --group docs
	@touch $@

screenshot: $(READY)
	$(BIN)/python -m tests.screenshot docs/demo.svg

# Pins every version with its hashes for each platform. Needs uv.
lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --group dev pyproject.toml -o requirements.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --constraint requirements.lock pyproject.toml -o deploy/docker/requirements.lock
	echo hatchling | uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --constraint requirements.lock - -o deploy/docker/build.lock

# That no install needs a compiler: each pinned version has a wheel for every Python and Linux there is. Needs uv.
wheels:
	@for python in 3.11 3.12 3.13 3.14; do \
	  for system in x86_64-manylinux_2_28 aarch64-manylinux_2_28 x86_64-unknown-linux-musl aarch64-unknown-linux-musl; do \
	    uv pip install --quiet --dry-run --target $(VENV)/none --python-version $$python --python-platform $$system \
	      --only-binary :all: --require-hashes -r deploy/docker/requirements.lock || exit 1; \
	    echo "$$python $$system: wheels for everything"; \
	  done; \
	done

$(RUNS): $(PINS) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "syncd needs Python 3.11 or later: make PYTHON=python3.12 …" >&2; exit 1; }
	@echo "Making $(VENV): about a minute, once."
	@$(PYTHON) -m venv --clear $(VENV) || \
	  { echo "This Python cannot make virtual environments. On Debian: apt-get install python3-venv" >&2; exit 1; }
	@# Nothing is compiled yet: syncd uses a small part of these modules
	@{ $(PIP) --no-compile --require-hashes $(PINS:%=-r %) || echo FAILED; } | \
	  { done=0; while read -r line; do case $$line in \
	    Collecting*) done=$$((done + 1)); [ ! -t 1 ] || printf '\r  package %s of %s' $$done $$(cat $(PINS) | grep -c ==);; \
	    Installing*) [ ! -t 1 ] || printf '\r  putting them in place  \n';; \
	    FAILED) exit 1;; \
	  esac; done; }
	@# By the hatchling of the lock: isolated, it would be built by the newest there is, whose hash nobody knows
	@$(PIP) --quiet --no-deps --no-index --no-build-isolation -e .
	@touch $@

$(READY): $(RUNS) requirements.lock
	@echo "Adding the tools of developers to $(VENV): about a minute, once."
	@$(PIP) --quiet --no-compile --require-hashes -r requirements.lock
	@# Again, by the pip of the lock, whose script of syncd starts faster
	@$(PIP) --quiet --no-deps --no-index --no-build-isolation -e .
	@$(BIN)/python -m compileall -q -j 0 $(VENV)/lib syncd connectors
	@touch $@

clean:
	rm -rf $(VENV) $(BENCH) $(RELEASE) $(DOCS) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist demo
