# edgedepth: `make demo` shows what it does, `make test` proves it, `make help` lists the rest.

PYTHON ?= python3
VENV ?= .venv
# Worker processes of pytest; 0 runs the tests in one process.
JOBS ?= 2
# Debian packages that pip cannot bring.
SYSTEM_PACKAGES = qemu-user libgl1 libglib2.0-0 chromium adb \
	default-jdk-headless maven aapt apksigner zipalign gcc libc6-dev

BIN = $(VENV)/bin
# The constraints were frozen on Python 3.11; another Python takes what pip resolves.
PINNED := $(shell $(PYTHON) -c 'import sys; print("-c constraints.txt" if sys.version_info[:2] == (3, 11) else "")')
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check $(PINNED)
TYPECHECK = build/typecheck

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo apk test test-fast lint types format tools docs results sample clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/.base ## install without TensorFlow and turn the sample sweep into a depth map
	$(BIN)/edgedepth infer edgedepth/samples/desk -o demo_depth
	@echo
	@echo "Open demo_depth/depth_color.png for the depth map, demo_depth/report.json for how it was made."

test: $(VENV)/.full lint types ## everything: style, types, all tests
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile

test-fast: $(VENV)/.full ## the tests that take seconds
	$(BIN)/python -m pytest -q -n $(JOBS) --dist loadfile -m "not slow and not train"

lint: $(VENV)/.full ## ruff: style and formatting
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(VENV)/.full ## mypy on the package as it installs, with edgedepth.capture and .convert in place
	@rm -rf build/lib build/bdist.* $(TYPECHECK)
	$(INSTALL) --no-deps --target $(TYPECHECK) .
	cd $(TYPECHECK) && $(abspath $(BIN))/mypy --config-file $(CURDIR)/pyproject.toml --cache-dir $(CURDIR)/.mypy_cache -p edgedepth

apk: $(VENV)/.base ## build the Android app, signed with a debug key of yours
	$(BIN)/edgedepth demo build

format: $(VENV)/.full ## let ruff mend style and formatting
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: $(VENV)/.full ## write docs/cli.md again from the commands' own help
	$(BIN)/python docs/make_cli.py

results: $(VENV)/.full ## measure everything in docs/results again, on an idle machine (about an hour)
	$(BIN)/python docs/measure.py $(ARGS)

sample: $(VENV)/.base ## render the sample sweep again
	rm -rf build/desk
	@mkdir -p build
	$(BIN)/edgedepth synth desk -o build/desk --quality 90 --no-truth
	rm -f edgedepth/samples/desk/*.jpg
	cp build/desk/*.jpg edgedepth/samples/desk/

tools: ## install the system packages that the tests need (Debian, Ubuntu)
	@missing=""; \
	for name in $(SYSTEM_PACKAGES); do \
	  dpkg-query -W -f '$${Status}' $$name 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$name"; \
	done; \
	$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || missing="$$missing python3-venv"; \
	command -v npm >/dev/null || missing="$$missing npm"; \
	if [ -z "$$missing" ]; then echo "system packages: all there"; exit 0; fi; \
	sudo=""; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	$$sudo apt-get update -q && \
	$$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $$missing

clean: ## remove what the other targets made, the virtual environment included
	rm -rf $(VENV) build dist demo_depth edgedepth.egg-info
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.base: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(if $(PINNED),,@echo "note: constraints.txt is for Python 3.11; installing without it")
	$(INSTALL) -e .
	@touch $@

$(VENV)/.full: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(if $(PINNED),,@echo "note: constraints.txt is for Python 3.11; installing without it")
	$(INSTALL) -e '.[train,tflite-runtime,beam,pathtrace,dev]'
	@touch $(VENV)/.base $@
