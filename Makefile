# Everything one does with this repository. Needs Python 3.11 or newer, git and make; each target
# makes its own environment in $(VENV), once, with the versions of constraints.txt.

ENV ?= HalfCheetah-v5
VENV ?= .venv
PYTHON ?= $(shell for p in python3.11 python3; do $$p -c '' 2>/dev/null && echo $$p && exit; done; echo python3)
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check
CONSTRAINTS ?= constraints.txt
INSTALL := $(PIP) install --quiet --no-compile --constraint $(CONSTRAINTS)
ARGS ?=
JOBS ?= auto
# Tests start hundreds of processes: without this each of them may compile the package anew.
unexport PYTHONDONTWRITEBYTECODE
PAGE_CODE := gym_rated/human/page tests/human/page

# The demo installs no more than its task needs.
ifneq ($(filter Acrobot-% CartPole-% MountainCar-% MountainCarContinuous-% Pendulum-%,$(ENV)),)
DEMO := $(VENV)/.video
RATE_DEMO := $(VENV)/.human
else ifneq ($(filter gym_rated/dm-%,$(ENV)),)
DEMO := $(VENV)/.everything
RATE_DEMO := $(VENV)/.everything
else
DEMO := $(VENV)/.mujoco
RATE_DEMO := $(VENV)/.human-mujoco
endif

.DEFAULT_GOAL := help
.PHONY: help demo rate-demo test test-long test-slow test-walks test-browser test-faults \
	test-hostile test-fuzz test-outside test-cluster test-track test-notebook test-mutants test-oldest \
	coverage lint docs bench bench-speed clean

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

demo: $(DEMO)  ## train on a learned reward, plot and film it: make demo ENV=Pendulum-v1
	$(PY) scripts/demo.py --env-id $(ENV) $(ARGS)

rate-demo: $(RATE_DEMO)  ## rate clips in the browser while it trains: make rate-demo ENV=Pendulum-v1
	$(PY) scripts/rate_demo.py --env-id $(ENV) $(ARGS)

test: $(VENV)/.everything  ## run the tests, without those that take long or train an agent
	$(PY) -m pytest -n $(JOBS) --dist worksteal $(ARGS)

test-long: $(VENV)/.everything  ## run the tests that take several seconds each
	$(PY) -m pytest -n $(JOBS) --dist worksteal -m long $(ARGS)

test-slow: $(VENV)/.everything  ## run the tests that train an agent
	$(PY) -m pytest -m slow $(ARGS)

test-walks: $(VENV)/.everything  ## go the ways of the pages with the wheel, and time them
	$(PY) -m pytest -m slow tests/walks $(ARGS)

test-browser: $(VENV)/.everything  ## run the tests that rate in a real browser (Debian's chromium)
	$(PY) -m pytest -m browser tests/browser $(ARGS)

test-faults: $(VENV)/.everything  ## kill runs and raters at every event, fill disks, break writes
	$(PY) -m pytest -m faults tests/faults $(ARGS)

test-hostile: $(VENV)/.everything  ## load thousands of damaged and hostile files
	$(PY) -m pytest -m hostile tests/hostile $(ARGS)

test-fuzz: $(VENV)/.everything  ## cut segments from random episodes, against a second implementation
	$(PY) -m pytest -m fuzz tests/fuzz $(ARGS)

test-outside: $(VENV)/.everything  ## run the tests of Gymnasium (its checkout: GYMNASIUM_SRC) and others
	$(PY) -m pytest -m outside tests/outside $(ARGS)

test-cluster: $(VENV)/.cluster  ## run grids on a Ray cluster of two nodes on this machine
	$(PY) -m pytest -m cluster tests/bench/test_cluster.py $(ARGS)

test-track: $(VENV)/.track  ## track runs with W&B's client offline, and MLflow's on this machine
	$(PY) -m pytest -m track tests/runs/test_track.py $(ARGS)

test-notebook: $(VENV)/.notebook  ## run the notebook of docs/examples from top to bottom
	$(PY) -m pytest -m notebook tests/docs/test_notebook.py $(ARGS)

test-mutants: $(VENV)/.everything  ## break places of the code, and count those that tests notice
	$(PY) tests/mutants.py $(ARGS)

# What warns of its own old age fails no test here.
test-oldest: build/oldest.txt  ## run the tests with the oldest versions that pyproject.toml allows
	$(MAKE) test VENV=.venv-oldest CONSTRAINTS=$< ARGS="-W default $(ARGS)"

coverage: $(VENV)/.everything  ## run the tests, and say which lines none of them reached
	$(PY) -m pytest -n $(JOBS) --cov=gym_rated --cov-report=term-missing:skip-covered $(ARGS)

lint: $(VENV)/.everything  ## check style, format and types, and the page's code
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(VENV)/bin/oxlint $(PAGE_CODE)

docs: $(VENV)/.everything  ## build the documentation in docs/_build/html, and hold its tables to the data
	$(PY) -m benchmarks.summarize --check
	$(PY) -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "Read docs/_build/html/index.html"

bench: $(VENV)/.everything  ## run the benchmark of the training: make bench ARGS=--help
	$(PY) -m benchmarks.training $(ARGS)

bench-speed: $(VENV)/.everything  ## time ours beside others (CLEANRL_SRC, BEFORE: checkouts)
	CLEANRL_SRC="$(CLEANRL_SRC)" BEFORE="$(BEFORE)" $(PY) -m benchmarks.speed $(ARGS)

clean:  ## remove what tools left behind; environments and runs stay
	rm -rf build dist docs/_build .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +

build/oldest.txt: pyproject.toml constraints.txt .ci/oldest.py
	@mkdir -p build
	$(PYTHON) .ci/oldest.py >$@

# Stamps: an installation that succeeded. A larger one also counts as the smaller ones, so that a
# second call installs nothing and needs no network.

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else \
	"gym_rated needs Python 3.11 or newer, got %s; name one: make PYTHON=/path/to/python" \
	% sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	@touch $@

# Alone and first: a resolver that sees everything at once may choose another build of it.
$(VENV)/.torch: $(VENV)/.created $(CONSTRAINTS)
	@echo "Installing the packages of $(CONSTRAINTS) in $(VENV) (once)"
	$(PIP) install --no-compile --constraint $(CONSTRAINTS) "$$(grep '^torch==' $(CONSTRAINTS))"
	@touch $@

$(VENV)/.core: $(VENV)/.torch pyproject.toml
	$(INSTALL) --editable .
	@touch $@

$(VENV)/.mujoco: $(VENV)/.torch pyproject.toml
	$(INSTALL) --editable '.[mujoco]'
	@touch $(VENV)/.core $@

# Classic control is drawn by pygame, of the extra `video`.
$(VENV)/.video: $(VENV)/.torch pyproject.toml
	$(INSTALL) --editable '.[video]'
	@touch $(VENV)/.core $@

$(VENV)/.human: $(VENV)/.torch pyproject.toml
	$(INSTALL) --editable '.[human,video]'
	@touch $(VENV)/.core $(VENV)/.video $@

$(VENV)/.human-mujoco: $(VENV)/.torch pyproject.toml
	$(INSTALL) --editable '.[human,mujoco,video]'
	@touch $(VENV)/.core $(VENV)/.mujoco $(VENV)/.video $(VENV)/.human $@

$(VENV)/.everything: $(VENV)/.torch pyproject.toml
	$(INSTALL) --editable '.[mujoco,dm-control,video,dev,docs]'
	@touch $(VENV)/.core $(VENV)/.mujoco $(VENV)/.video $(VENV)/.human \
		$(VENV)/.human-mujoco $@

$(VENV)/.cluster: $(VENV)/.everything
	$(INSTALL) --editable '.[cluster]'
	@touch $@

$(VENV)/.track: $(VENV)/.everything
	$(INSTALL) --editable '.[wandb,mlflow]'
	@touch $@

$(VENV)/.notebook: $(VENV)/.everything
	$(INSTALL) --editable '.[notebook]'
	@touch $@
