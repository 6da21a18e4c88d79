# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
export FLAMBEAU_CI := $(CI)

.PHONY: demo test ready pages lint types stubs bench clean system

demo: $(VENV)/.demo
	$(BIN)/python examples/digits.py

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[demo]'
	touch $@

# torch is the oracle of the tests and nothing else: the library never imports it.
$(VENV)/.test: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet torch==2.13.0
	$(BIN)/python -m pip install --quiet --editable '.[demo,gpu,check,test]'
	touch $@

# A software Vulkan driver, a browser and Node for the WebGPU tests, where we may install them.
system:
	bash tools/install_system.sh

# CI draws the same examples each time.
PYTEST := $(BIN)/python -m pytest -n 2 $(if $(CI),--hypothesis-seed=0)
ON_THE_GPU := $(addprefix tests/,ops functional autograd recording webgpu nn optim data func distributions programs)

# What the system and the environment lack is fetched at the same time.
ready:
	$(MAKE) --no-print-directory -j 2 system $(VENV)/.test

test: ready
	$(MAKE) --no-print-directory -j 2 lint pages # one process each
	FLAMBEAU_TEST_DEVICES=reference,cpu $(PYTEST) --ignore=tests/webgpu --ignore=tests/browser
	FLAMBEAU_TEST_DEVICES=webgpu $(PYTEST) -k webgpu $(ON_THE_GPU)

pages: $(VENV)/.test
	$(BIN)/python -m pytest tests/browser

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/python tools/check_types.py

stubs: $(VENV)/.test
	$(BIN)/python -m tools.make_stubs

bench: $(VENV)/.test
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) build dist demo *.egg-info
