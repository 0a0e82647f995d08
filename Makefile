# `make` puts everything into .venv of this checkout; the other targets do that first where it is needed.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
LAB := $(BIN)/python -m tests.lab

.PHONY: all run test matrix check lab lab-kill lab-close lab-silence lab-unplug lab-revive bench campaign lock snapshots docs package release-check help clean

all: $(READY)  ## set up .venv, which the others do where it is needed
	@echo "Ready. make run opens lvstui, make lab a real kernel to try it on; make help lists the rest."

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "lvstui needs Python 3.11 or newer: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo "$(PYTHON) cannot make virtual environments here: sudo apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip --disable-pip-version-check install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip --disable-pip-version-check install --quiet --no-deps --no-build-isolation -e .
	@touch $@

run: $(READY)  ## on this machine's IPVS, else on a demo director
	@$(BIN)/lvstui

# The kernels of other Debian releases that `make test` tries the core on: an emulated one beside all others, a fast one.
OLDEST := full:5.10
NEWEST := uml:7.2
test: $(READY)  ## all tests; those on a real kernel run in the lab's guests, the emulated ones beside all others
	@$(LAB) install $(OLDEST) $(NEWEST) || true
	@status=0; output=$$(mktemp); trap 'rm -f "$$output"' EXIT; \
	{ status=0; $(LAB) test --full --or-skip || status=1; \
	$(LAB) test --kernel $(OLDEST) --core --or-skip || status=1; exit $$status; } >"$$output" 2>&1 & full=$$!; \
	$(BIN)/python -m pytest -n logical --dist worksteal -m "not kernel and not netfilter" || status=1; \
	$(LAB) test --guests 2 --or-skip || status=1; \
	$(LAB) test --kernel $(NEWEST) --core --guests 2 --or-skip || status=1; \
	wait $$full || status=1; cat "$$output"; \
	exit $$status

matrix: $(READY)  ## all tests of guests on each kernel that Debian has, and the table of docs/kernels.md; takes hours
	@$(LAB) matrix

check: $(READY)  ## format, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --strict
	MYPYPATH=packaging $(BIN)/mypy --strict packaging/*.py packaging/*/*.py

lab: $(READY)  ## lvstui on a real kernel with traffic, in this terminal, without root
	@$(LAB) install
	@$(LAB) shop

SERVER ?= rs2
lab-kill lab-close lab-silence lab-unplug lab-revive: $(READY)  ## from another terminal: do that to SERVER (rs2; rs1, rs3) of the open lab
	@$(LAB) $(@:lab-%=%) $(SERVER)

bench: $(READY)  ## speed against ipvsadm in one guest, against nft in the other
	@$(LAB) install
	@$(LAB) run --seconds 3600 -- $(BIN)/python -m tests.bench
	@$(LAB) run --full --seconds 3600 -- $(BIN)/python -m tests.bench rules

SECONDS ?= 300
campaign: $(READY)  ## attack lvstui: each campaign for SECONDS (300), here and in both guests of the lab; prints what failed
	@$(LAB) install
	@status=0; \
	$(BIN)/python -m tests.campaign --seconds $(SECONDS) || status=1; \
	$(LAB) run --seconds 36000 -- $(BIN)/python -m tests.campaign --in uml --seconds $(SECONDS) || status=1; \
	$(LAB) run --full --seconds 36000 -- $(BIN)/python -m tests.campaign --in full --seconds $(SECONDS) || status=1; \
	exit $$status

lock: $(READY)  ## pin every dependency anew; --allow-unsafe pins pip and setuptools too, which hash checking demands
	$(BIN)/pip-compile --quiet --upgrade --all-extras --generate-hashes --allow-unsafe --strip-extras \
	  --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --output-file requirements.lock pyproject.toml

snapshots: $(READY)  ## take the pictures of the screens anew, after looking at what changed
	$(BIN)/python -m pytest -m "not kernel and not netfilter" --snapshot-update tests/tui

docs: $(READY)  ## write the parts of README.md, docs/*.md and docs/man that are made from the program's tables
	$(BIN)/python -m tests.docs

package: $(READY)  ## build lvstui.pyz, packages of Debian and RPM and their hashes into dist/
	$(BIN)/python packaging/package.py dist

release-check: check package  ## build all that is released, once more elsewhere, and try it in fresh Debian systems; needs root
	@command -v rpmbuild > /dev/null || { echo "there is no .rpm to try without rpmbuild: apt-get install rpm" >&2; exit 1; }
	LVSTUI_DIST=dist $(BIN)/python -m pytest -n 2 -m debian tests/debian

help:  ## what can be made
	@sed -nE 's/^([a-z][a-z -]*):[^=#]*## (.*)/\1\n    \2/p' $(MAKEFILE_LIST)

clean:  ## remove what was set up and made here
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
	find lvstui tests -name __pycache__ -type d -prune -exec rm -rf {} +
