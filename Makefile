# ltnb: "make reproduce" and "make test" are all that is needed after a clone; each makes .venv when it is missing.
# Needs Python 3.11 or newer with venv, make and git.
#
# On Linux pip takes torch's CUDA build (gigabytes). For a laptop without a GPU, type this line first, once:
#     make cpu

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
STAMP := $(VENV)/.installed
NOTEBOOKS := $(sort $(wildcard notebooks/*.ipynb))

export PATH := $(CURDIR)/$(BIN):$(PATH)

# Arguments to pass on:  make reproduce ARGS="--only 02_ballad --jobs 2"    make test PYTEST_ARGS="-k sampler"
ARGS ?=
PYTEST_ARGS ?=
LESSONS ?=

# says at the end how long each file and each lesson took, and keeps the table
TIMES := -p tests.part_times --times-to $(VENV)/times

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help reproduce records check test pytest nbval lint lab lessons weights cpu install clean

help:  ## show this list
	@grep -hE '^[a-z]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 20

reproduce: $(STAMP)  ## run every lesson on the quick profile and print the final table
	$(BIN)/python -m ltnb reproduce $(ARGS)

records: $(STAMP)  ## run the standard profile (slow) and write figures/records, ready to commit
	$(BIN)/python -m ltnb reproduce --profile standard $(ARGS)
	$(BIN)/python -m ltnb report --profile standard --write-records

check: lint  ## lint and the fast tests: two minutes, for a change of one loss or head
	$(BIN)/python -m pytest -q -m "not slow" $(TIMES)-check $(PYTEST_ARGS)

test: pytest nbval  ## unit, contract and hygiene tests, then every lesson against its committed outputs
	@cat $(VENV)/times-pytest $(VENV)/times-nbval

pytest: $(STAMP)  ## the tests without the lessons
	$(BIN)/python -m pytest --durations=20 --durations-min=1.0 $(TIMES)-pytest $(PYTEST_ARGS)

# status 5 is pytest's "nothing collected"
nbval: $(STAMP)  ## re-run every lesson and compare it with its committed outputs
ifeq ($(NOTEBOOKS),)
	@echo "no lessons in notebooks/: nothing to validate" | tee $(VENV)/times-nbval
else
	$(BIN)/python -m pytest --nbval --nbval-current-env --nbval-sanitize-with tests/nbval_sanitize.cfg \
	    --durations=10 --durations-min=5.0 $(TIMES)-nbval -p no:cacheprovider $(NOTEBOOKS) || [ $$? -eq 5 ]
endif

# kernels, settings and start-up files come from .venv and from nowhere else
nbval lessons: export JUPYTER_PATH := $(CURDIR)/$(VENV)/share/jupyter
nbval lessons: export JUPYTER_CONFIG_DIR := $(CURDIR)/$(VENV)/etc/jupyter
nbval lessons: export IPYTHONDIR := $(CURDIR)/$(VENV)/etc/ipython

lint: $(STAMP)  ## ruff (rules and format), mypy and spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/codespell

lab: $(STAMP)  ## open the lessons in JupyterLab
	$(BIN)/jupyter lab notebooks

lessons: $(STAMP)  ## re-execute the lessons in place, ready to commit (LESSONS="02_ballad" for some)
	@failed=0; for lesson in $(or $(LESSONS:%=notebooks/%.ipynb),$(NOTEBOOKS)); do \
	    $(BIN)/python -m nbconvert --to notebook --execute --output-dir $(VENV)/lessons --ExecutePreprocessor.kernel_name=python3 \
	        --ExecutePreprocessor.raise_on_iopub_timeout=True --NotebookExporter.preprocessors=ltnb.runner.lessons.normalise \
	        --NotebookExporter.preprocessors=nbconvert.preprocessors.CoalesceStreamsPreprocessor "$$lesson" && \
	        mv "$(VENV)/lessons/$${lesson##*/}" "$$lesson" || failed=1; \
	done; exit $$failed

weights: $(STAMP)  ## re-train the shipped models
	$(BIN)/python -m ltnb.critters.pretrain $(ARGS)

install: $(STAMP)  ## only make and fill .venv

clean:  ## remove .venv, runs and caches
	rm -rf $(VENV) runs .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info

# Debian packs venv's pip apart; where it is missing the system's own pip helps out
$(BIN)/python:
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" \
	    || { echo "ltnb needs Python 3.11 or newer; this is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) > /dev/null 2>&1 || { rm -rf $(VENV); \
	    $(PYTHON) -m venv --without-pip $(VENV) && $(PYTHON) -m pip --python $@ install --quiet pip; } || { rm -rf $(VENV); \
	    echo "python's venv or pip is missing: on Debian, apt install python3-venv; then run make again" >&2; exit 1; }

# torch first: the CPU build of "make cpu" stays, and everything else then fits to it
$(STAMP): pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing into $(VENV) (a few minutes the first time) ..."
	$(PIP) install -c constraints.txt setuptools torch
	$(PIP) install -c constraints.txt --no-build-isolation -e '.[all]'
	@touch $@

# uv knows where torch's CPU wheels are; what it installs satisfies constraints.txt, so the later install keeps it
cpu: | $(BIN)/python  ## get torch's CPU build instead of the CUDA one (Linux, once, before anything else)
	$(PIP) install uv
	$(BIN)/uv pip install --python $(BIN)/python --torch-backend cpu -c constraints.txt torch torchvision
