PYTHON ?= python3
PORT ?= 8000
ARGS ?=
BIN := .venv/bin
unexport PYTHONPATH PYTHONHOME

.PHONY: help environment book test serve lab pdf epub exercises bench clean

help: ## list the commands
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' $(MAKEFILE_LIST)

environment: ## create or refresh .venv (the others do it by themselves)
	@$(PYTHON) tools/environment.py

book: environment ## execute every chapter and build the site, warnings as errors
	@$(BIN)/python tools/book.py

# All three always run, so that one call shows everything that is wrong. A worker takes one file
# after the other, in the order of their names. Where a test waits for a limit to pass, three
# workers keep two cores busy. The chapters, which are many and short, come last, so that no worker
# is left with a long file at the end.
test: environment ## check the style, then every test and every notebook
	@status=0; \
	$(BIN)/ruff check . || status=1; \
	$(BIN)/ruff format --check . || status=1; \
	$(BIN)/python -m pytest -n 3 --dist loadscope --no-loadscope-reorder || status=1; \
	exit $$status

serve: ## view the built site at http://127.0.0.1:8000 (PORT=… for another)
	@$(PYTHON) -m http.server --directory _build/html --bind 127.0.0.1 $(PORT)

lab: environment ## open the exercises in JupyterLab (ARGS="--port 9999" and the like)
	@PATH="$(CURDIR)/$(BIN):$$PATH" jupyter lab --ServerApp.root_dir="$(CURDIR)" --LabApp.default_url=/lab/tree/exercises $(ARGS)

pdf: book ## write the whole course as one PDF beside the site, and link it there
	@$(BIN)/python tools/pdf.py

epub: book ## the same for e-readers
	@$(BIN)/python tools/epub.py

exercises: environment ## write exercises/ again from solutions/
	@$(BIN)/course release

bench: environment ## measure the layers beside their peers (ARGS="--quick" for a minute)
	@$(BIN)/course bench $(ARGS)

clean: ## remove the built site and the caches; .venv stays
	@rm -rf _build .pytest_cache .ruff_cache .hypothesis course_lib/numba_kernels/__pycache__
