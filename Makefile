# make demo   install into .venv and replay a bundled recording
# make test   run the tests          make lint   style, types and the directions of imports
# make dist   build what is published, with a wheel for every system that has kernels, and check it
# make audit  look up known vulnerabilities of the versions in constraints.txt; asks pypi.org
# make constraints   write down the versions installed here, with which the tests have passed

PYTHON ?= $(shell python3.11 -c 'print("python3.11")' 2>/dev/null || echo python3)
PYTEST_ARGUMENTS ?= --numprocesses 3 --dist loadfile --no-loadscope-reorder
NEW_ENOUGH = $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "live-canary needs Python 3.11 or newer, and this is %d.%d; name another one, as in make demo PYTHON=python3.13" % sys.version_info[:2])'
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint dist audit constraints clean

demo: $(VENV)/.installed
	$(BIN)/live-canary --replay assets/meeting.wav --model demo

# The tests start the program more than a hundred times: it is compiled once, also where the environment says otherwise.
test: $(VENV)/.installed-dev
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest $(PYTEST_ARGUMENTS)

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --platform win32 --package live_canary  # the rest needs Linux
	$(BIN)/lint-imports

dist: $(VENV)/.installed-dev
	rm -rf dist
	$(BIN)/python -m build --sdist --outdir dist
	for machine in linux-x86_64 linux-aarch64 macosx-arm64 win-amd64; do \
	  LIVE_CANARY_FOR=$$machine $(BIN)/python -m pip wheel --quiet --no-deps --no-cache-dir --no-build-isolation --wheel-dir dist dist/*.tar.gz || exit; \
	done
	test -x $(VENV)/twine/bin/twine || { $(PYTHON) -m venv $(VENV)/twine && $(VENV)/twine/bin/pip install --quiet twine; }
	$(VENV)/twine/bin/twine check --strict dist/*

audit:
	test -x $(VENV)/audit/bin/pip-audit || { $(PYTHON) -m venv $(VENV)/audit && $(VENV)/audit/bin/pip install --quiet pip-audit; }
	$(VENV)/audit/bin/pip-audit --strict --no-deps --disable-pip --requirement constraints.txt

constraints: $(VENV)/.installed-dev
	{ echo "# Versions with which the tests have passed; written by make constraints"; \
	  $(BIN)/python -m pip freeze --exclude-editable | sed 's/+cpu$$//'; } > constraints.txt

clean:
	rm -rf $(VENV) dist

# torch comes first and pinned: on a machine with a local CPU build pip then takes that instead of gigabytes of CUDA.
# An environment without pip is one that could not be finished before: Debian lacks python3-venv at first.
# Again whenever the kernels change: an editable install compiles them once, and old ones would be called wrongly.
$(VENV)/.installed: pyproject.toml hatch_build.py $(wildcard live_canary/model/kernels/*.[ch])
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { $(NEW_ENOUGH) && $(PYTHON) -m venv $(VENV); }
	@echo "Installing torch and the rest into $(VENV): some minutes, once"
	$(BIN)/python -m pip install --quiet "torch==2.13.0"
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $@
