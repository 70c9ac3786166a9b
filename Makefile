# make test    everything, the lab included (tox)
# make demo    the main job on a throw-away lab on loopback
# make bench   the performance table
# make fuzz    ten minutes of coverage-guided fuzzing
# make tables  the grammars' tables from their .lark sources

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: test demo bench fuzz tables lint clean

test: $(BIN)/tox
	.ci/install
	$(BIN)/tox

lint: $(BIN)/tox
	.ci/install
	$(BIN)/tox -e lint

demo: $(BIN)/dev
	.ci/install
	$(BIN)/python -m tests.lab.demo

bench: $(BIN)/dev
	.ci/install
	$(BIN)/python -m tests.bench

fuzz: $(BIN)/dev
	$(BIN)/python -m pytest -m fuzz tests/properties

tables: $(BIN)/dev
	$(BIN)/python -m bpc_ssh_guard.grammar.compile
	$(BIN)/python -m bpc_ssh_guard.confine.compile

$(BIN)/python:
	.ci/install
	$(PYTHON) -m venv $(VENV)

$(BIN)/tox: $(BIN)/python
	$(BIN)/python -m pip install -q tox
	@touch $@

$(BIN)/dev: $(BIN)/python setup.cfg
	$(BIN)/python -m pip install -q -e '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) .tox .mypy_cache .ruff_cache .pytest_cache .import_linter_cache build *.egg-info
