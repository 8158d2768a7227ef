# make demo            the whole story, then the site until Ctrl-C; make demo ONCE=1 ends after the summary
# make ask WHO=C-1     after or beside the demo: was this account warned? WHO: id, e-mail, case, notice
# make up              PostgreSQL, Valkey, worker, beat and site in this terminal
# make test            checks and tests; make test PYTEST="-k verdict" passes arguments on
# make bench           the benchmarks, as JSON
# make lock            requirements.lock anew from pyproject.toml; make lock UPGRADE=1 takes newer versions
# make clean           removes .venv and var (all local data)

.DEFAULT_GOAL := help
.PHONY: help demo ask up test check bench lock clean

run := .venv/bin/python

help:
	@sed -n 's/^# //p' Makefile

demo: .venv/installed
	@$(run) -m demo $(if $(ONCE),--once)

ask: .venv/installed
	@$(run) -m demo --ask "$(WHO)"

up: .venv/installed
	@$(run) manage.py up

test: check
	$(run) -m pytest -n auto $(PYTEST)

check: .venv/installed
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	@# Settings are loaded to know the models; no server is asked.
	DATABASE_URL=postgresql:///unused CELERY_BROKER_URL=memory:// .venv/bin/mypy
	.venv/bin/lint-imports --no-logo
	find templates cases notices -name '*.html' | xargs -r .venv/bin/djade --check --target-version 5.2
	$(run) manage.py makemigrations --check --dry-run
	set -a && . ./config/production.env.example && $(run) -W error manage.py check --deploy --fail-level WARNING

bench: .venv/installed
	@$(run) -m bench.send
	@$(run) -m bench.intake
	@$(run) -m bench.ledger
	@$(run) -m bench.disk
	@$(run) -m bench.hooks

lock: .venv/installed
	.venv/bin/uv pip compile pyproject.toml --universal --generate-hashes --all-extras --no-header \
		--no-emit-index-url --no-emit-find-links $(if $(UPGRADE),--upgrade) --quiet --output-file requirements.lock

clean:
	rm -rf .venv var .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

# The lock names every package with its hash, so pip has nothing to resolve, and need not look for dependencies.
.venv/installed: requirements.lock
	@set -eu; found=; \
	for python in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
		if $$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			found=$$python; break; \
		fi; \
	done; \
	if [ -z "$$found" ]; then \
		echo 'No Python 3.11 or later with its venv module was found. Install one (on Debian: python3-venv),' \
			'or name it: make PYTHON=/path/to/python3' >&2; \
		exit 1; \
	fi; \
	echo "Installing the locked dependencies into .venv with $$($$found --version) …"; \
	$$found -m venv --clear .venv; \
	.venv/bin/python -m pip install -qq --disable-pip-version-check --no-input --require-hashes --no-deps \
		--only-binary :all: --no-compile --requirement requirements.lock; \
	touch $@
