# The two commands are `make demo` and `make test`; both set up their own environment in .venv first.

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --quiet
PACKAGES := mosquitto mosquitto-clients ismrmrd-tools chromium

# The first of these that is 3.11, 3.12 or 3.13 is used.
PYTHON := $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && { echo $$p; break; }; done)

.PHONY: demo demo-faults setup setup-dev test check train-setup test-train page-pictures bench bench-models lock system-packages clean

demo: setup
	$(VENV)/bin/scanside demo

# Every fault at one and three times its limit on two scans, 20 seeds each; about a quarter of an hour.
demo-faults: setup
	$(VENV)/bin/scanside bench faults

setup: $(VENV)/.ready

setup-dev: $(VENV)/.ready-dev

$(VENV)/.python:
	@if [ -z "$(PYTHON)" ]; then \
		echo "scanside needs Python 3.11, 3.12 or 3.13; found: $$(python3 --version 2>&1). Install one of them (apt install python3)."; exit 3; fi
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "Python's venv module is missing: apt install python3-venv"; exit 3; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.ready: $(VENV)/.python requirements.txt pyproject.toml
	@echo "setting up $(VENV) (some minutes the first time)"
	$(PIP) install --require-hashes --requirement requirements.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready requirements-dev.txt
	$(PIP) install --require-hashes --requirement requirements-dev.txt
	@touch $@

# Peers for the end-to-end tests. Without them, and without root, those tests are skipped by name.
system-packages:
	@missing=""; for p in $(PACKAGES); do dpkg -s $$p >/dev/null 2>&1 || missing="$$missing $$p"; done; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "installing Debian packages for the end-to-end tests:$$missing"; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$missing >/dev/null; \
	else echo "end-to-end tests that need them are skipped; to run them: apt install$$missing"; fi

# On every core, a few at most: each worker holds its own copies of the networks.
BESIDE := --numprocesses logical --maxprocesses 4 --dist worksteal

# What needs the machine for itself (sockets, processes, a browser, a GPU) runs after the rest, one test at a time.
test: system-packages setup-dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(PY) -m pytest $(BESIDE) -m "not alone"
	$(PY) -m pytest -m alone

# Under two minutes on two cores: what to run before every commit.
check: setup-dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(PY) -m pytest $(BESIDE) -m "not alone and not data and not slow" tests/engine tests/firmware tests/models tests/test_house.py

# Training needs torch, which nothing else here does. The shipped networks: docs/training.md.
train-setup: setup
	$(PIP) install --no-build-isolation --editable '.[train]'

# The training code, on a CPU, in some minutes.
test-train: setup-dev train-setup
	$(PY) -m pytest tests/train

# The pictures of docs/page, from real runs in Debian's chromium.
page-pictures: system-packages setup-dev
	$(PY) -m benchmarks.page_pictures

bench: setup-dev
	$(VENV)/bin/scanside bench loop

# The networks beside their peers, which are installed nowhere else and are in no lock: BM3D's licence allows
# non-commercial use only. About a quarter of an hour.
PEERS := .venv-peers
bench-models: $(PEERS)/.ready
	$(PEERS)/bin/scanside bench models

$(PEERS)/.ready: $(VENV)/.python requirements.txt pyproject.toml
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes --requirement requirements.txt
	$(PEERS)/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --no-build-isolation --editable .
	$(PEERS)/bin/python -m pip --disable-pip-version-check --quiet install scikit-image==0.26.0 PyWavelets bm3d==4.0.3
	@touch $@

# After changing dependencies in pyproject.toml; needs uv. No registry address goes into the files.
LOCK := uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --quiet
lock:
	$(LOCK) pyproject.toml --group build --output-file requirements.txt
	$(LOCK) pyproject.toml --group build --group dev --constraint requirements.txt --output-file requirements-dev.txt

clean:
	rm -rf $(VENV) $(PEERS) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
