# Two commands: `make run` and `make test`. Each sets everything up by itself the first time.
PYTHON ?= python3
PORT ?= 4200
UV_VERSION := 0.13.9
# torch stands apart from the lock: which wheel fits (CPU, CUDA) is the machine's matter. For another build:
#   make install TORCH="torch==2.13.0 --index-url <an index of torch wheels>"
TORCH ?= torch==2.13.0

BIN := .venv/bin
export DO_NOT_TRACK := 1
export PREFECT_SERVER_ANALYTICS_ENABLED := false
export DVC_NO_ANALYTICS := 1
export GX_ANALYTICS_ENABLED := false
export HF_HUB_OFFLINE := 1
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)

.PHONY: run test install ui lock check clean

run: install        ## build a release from the shipped sources, train, print where everything is
	$(BIN)/instructflow build

test: install       ## all checks, then all tests
	$(MAKE) --no-print-directory check
	$(BIN)/pytest -q

check: install
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

ui: install         ## the Prefect server and its UI over the history of all builds
	$(BIN)/instructflow ui --port $(PORT)

install: .venv/installed
.venv/installed: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "instructflow needs Python 3.11 or newer; set PYTHON=")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check uv==$(UV_VERSION)
	$(BIN)/uv pip install -q --python $(BIN)/python --no-deps -r requirements.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check $(TORCH)
	$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	touch $@

lock:               ## resolve the lock file anew
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --extra train --extra nlp --extra corpora \
	    --extra semantic --extra export --extra tune --extra wandb --extra dev \
	    --no-header --no-emit-find-links --no-emit-index-url --upgrade -o requirements.lock

clean:              ## everything that runs produced; sources, annotations and baseline stay
	rm -rf .venv .dvc/cache .dvc/tmp .prefect $(filter-out data/sources,$(wildcard data/*))
