# Two commands: `make demo` and `make test`. Everything is installed into .venv from the locked versions.
PYTHON ?= python3.11
BIN = .venv/bin

.PHONY: demo test nightly bench docs reference lock changelog clean

demo: .venv/run
	$(BIN)/posology demo

test: .venv/dev
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports
	$(BIN)/python -m pytest -n 2 --durations=15 --cov --cov-report=term
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# The fast tests of one room: make test-designs, make test-endpoints, ...
test-%: .venv/dev
	$(BIN)/python -m pytest --durations=5 tests/$* src/posology/$*

# The long validations.
nightly: .venv/dev
	$(BIN)/python -m pytest -n 2 -m slow -o faulthandler_timeout=0

bench: .venv/dev
	for each in benchmarks/*.py; do $(BIN)/python $$each || exit 1; done

# Gathers the fragments of changelog.d under a version: make changelog VERSION=0.2.0
changelog: .venv/dev
	$(BIN)/towncrier build --version $(VERSION)

# Writes the reference of all commands from their own help.
reference: .venv/dev
	$(BIN)/python -m posology.cli.reference docs/reference/commands
	$(BIN)/python -m tests.docs.reference_tables

docs: .venv/dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# Writes the locked versions from pyproject.toml; make lock UPGRADE=--upgrade takes the newest.
lock: .venv/dev
	for each in "--extra build --extra web -o requirements/run.txt" "--extra dev -o requirements/dev.txt"; do \
	  $(BIN)/uv pip compile -q $(UPGRADE) --universal --generate-hashes --no-annotate --no-header --no-emit-index-url \
	    --python-version 3.11 pyproject.toml $$each || exit 1; done

.venv/run: requirements/run.txt
	$(PYTHON) -m venv .venv || (echo "on Debian: apt install python3.11-venv"; exit 1)
	$(BIN)/pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements/run.txt
	$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/python -m compileall -q src
	touch $@

.venv/dev: .venv/run requirements/dev.txt
	$(BIN)/pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements/dev.txt
	touch $@

clean:
	rm -rf .venv imgn853-demo
