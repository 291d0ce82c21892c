# make run    classify handwritten digits in simulated DRAM (installs into .venv the first time)
# make test   everything that is checked before a change is taken: lint, types, layers, tests
# make test-quick AREA=dram   the tests of one area, in seconds; without AREA: which areas there are
# make fuzz   the tests that draw examples, with new ones, for MINUTES (10) in AREA (tests)
# make notebooks   run the course, and write it as HTML and .ipynb into out/notebooks
# make bench  measure how fast it all runs, and write docs/speed.md
# make docs   the documentation as a site, in out/site: open out/site/index.html
# make lint   the part of it that runs in seconds
# make clean  remove what these made, .venv included

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

# The first Python that is new enough; python3.11 is what the tests' TensorFlow is known to like.
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& { echo "$$python"; break; }; done)

.PHONY: run test test-quick fuzz bench docs notebooks lint clean
.DELETE_ON_ERROR:

run: $(VENV)/.core
	$(BIN)/pimsim run digits-mlp --out out/digits-mlp

# A file of tests stays in one process, so that not every process imports TensorFlow.
test: lint
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-quick: $(VENV)/.test
	@$(BIN)/python tests/quick.py $(AREA)

MINUTES ?= 10
fuzz: $(VENV)/.test
	$(BIN)/python tests/fuzz.py --minutes $(MINUTES) --area "$(or $(AREA),tests)"

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# A warning fails it. Nothing is fetched; the page's own advertisement of another tool is off.
docs: $(VENV)/.test
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "open out/site/index.html"

# All of it takes an hour or so with BASE=DIR, a checkout to compare with; ROW="a word" measures
# some of the rows, and rows that were measured on this code are left out: add AGAIN=1.
bench: $(VENV)/.test
	@$(BIN)/python -m tests.benchmarks $(if $(BASE),--base "$(BASE)") \
		$(if $(ROW),--only "$(ROW)") $(if $(AGAIN),--again); status=$$?; \
	test -n "$(ROW)" || PIMSIM_SPEED_PAGE=docs/speed.md $(BIN)/python -m pytest -q -s \
		tests/benchmarks/bench_compiled.py tests/benchmarks/bench_networks.py \
		tests/benchmarks/bench_faults.py || status=1; exit $$status

notebooks: $(VENV)/.test
	$(BIN)/python notebooks/build.py --out out/notebooks

clean:
	rm -rf $(VENV) out build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis \
		.import_linter_cache *.egg-info
	find pimsim bnn experiments tests -name __pycache__ -prune -exec rm -rf {} +

$(BIN)/pip:
	@test -n "$(PYTHON)" || { echo "pimsim needs Python 3.11 or newer, and none was found:" \
		"install one, or say make PYTHON=/path/to/python3.11" >&2; exit 2; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "pimsim needs" \
		"Python 3.11 or newer, and $(PYTHON) is not" >&2; exit 2; }
	"$(PYTHON)" -m venv $(VENV)

# Installed in place, so that a change to the code needs no second installation.
$(VENV)/.core: pyproject.toml | $(BIN)/pip
	@echo "installing pimsim into $(VENV), once ..."
	@$(PIP) --editable .
	@touch $@

$(VENV)/.test: pyproject.toml | $(BIN)/pip
	@echo "installing pimsim with TensorFlow, Larq and the test tools into $(VENV), once ..."
	@$(PIP) --editable ".[larq,images,notebooks,docs,test]"
	@touch $@ $(VENV)/.core
