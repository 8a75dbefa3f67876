# Every chore is one command; each installs what it needs, once. `make help` lists them.
PYTHON ?=
VENV := .venv
RUN := $(VENV)/bin
STAMP := $(VENV)/.sim2real-installed
COLCON := $(VENV)/colcon/bin/colcon
PYTEST := $(RUN)/python -m pytest -q
PARALLEL := -n 2 --dist loadfile
PATHS := setup.py sim2real tests benchmarks launch tools

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow lint bench doctor install system clean distclean

help:  ## this list
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

demo: install  ## the main job: train twice, evaluate on twins, run over ROS 2 (results in runs/demo)
	@$(RUN)/sim2real demo $(ARGS)

# Exit code 5 is "no test left by ARGS". The ROS 2 tests keep time, so nothing else runs beside them.
test: lint $(COLCON)  ## lint, then every test that is not slow (what CI runs)
	@$(PYTEST) $(PARALLEL) -m "not slow and not ros" $(ARGS) || [ $$? = 5 ]
	@$(PYTEST) -m "ros and not slow" $(ARGS) || [ $$? = 5 ]

test-slow: install $(COLCON)  ## the slow tests too
	@$(PYTEST) $(PARALLEL) -m "not ros" $(ARGS) || [ $$? = 5 ]
	@$(PYTEST) -m ros $(ARGS) || [ $$? = 5 ]

lint: install  ## ruff over the code
	@$(RUN)/ruff check --quiet --output-format concise $(wildcard $(PATHS))

bench: install  ## throughput of the batched environment beside its peers
	@$(RUN)/python -m benchmarks.throughput $(ARGS)

doctor: install  ## what works on this machine
	@$(RUN)/sim2real doctor

install: system $(STAMP)  ## Debian packages and .venv

system:
	@PYTHON=$(PYTHON) tools/install.sh system

$(STAMP): setup.py pyproject.toml constraints.txt tools/install.sh $(wildcard sim2real/compiled/*.[ch]) | system
	@PYTHON=$(PYTHON) tools/install.sh venv

$(COLCON): | $(STAMP)
	@tools/install.sh colcon

clean:  ## what was built and cached; keeps .venv and runs
	@rm -rf build dist install log .make .pytest_cache .ruff_cache .hypothesis *.egg-info sim2real/_data
	@find sim2real tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean  ## clean, and .venv
	@rm -rf $(VENV)
