# The habits of this repository: `just` lists them.
python := ".venv/bin/python"
bin := ".venv/bin"

[private]
default:
    @just --list --unsorted

# what a commit must pass: format, lint, types, imports, docs, quick tests
check: fmt lint types imports test

# format the code
fmt:
    {{bin}}/ruff format .

# lint
lint:
    {{bin}}/ruff check .

# type check
types:
    {{bin}}/mypy

# import contracts
imports:
    {{bin}}/lint-imports

# quick tests (no server, no root)
test *ARGS:
    {{python}} -m pytest -n auto --dist worksteal {{ARGS}}

# the Sigma corpus and the real logs of ../shared
corpus *ARGS:
    {{python}} -m pytest -n auto --dist worksteal -m corpus {{ARGS}}

# the Sigma suite with the next line of pySigma, in an environment of its own
pysigma2:
    .ci/pysigma2

# kill -9 inside the commit
kills *ARGS:
    {{python}} -m pytest -n auto --dist worksteal -m kill {{ARGS}}

# with real servers: PostgreSQL, Kafka
servers *ARGS:
    {{python}} -m pytest -n auto --dist loadfile -m server {{ARGS}}

# long hypothesis runs over mutated input
fuzz *ARGS:
    {{python}} -m pytest -n auto --dist worksteal -m fuzz {{ARGS}}

# three people's journeys in Debian's Chromium; TOCSIN_SHOTS=folder keeps screenshots
browser *ARGS:
    {{python}} -m pytest -m browser {{ARGS}}

# the two commands of the README on a fresh Debian 12, with all quick tests (needs root and debootstrap)
chroot:
    TOCSIN_WHOLE=1 {{python}} -m pytest -m chroot

# everything that takes long, before an issue closes
soak:
    TOCSIN_FUZZ_EXAMPLES=20000 {{python}} -m pytest -n auto --dist worksteal -m "slow or corpus or kill or fuzz"
    just once

# exactly once at length: 200,000 events, 24 kills, two zombies, on Kafka and PostgreSQL
once EVENTS="200000" ROUNDS="4":
    ONCE_EVENTS={{EVENTS}} ONCE_ROUNDS={{ROUNDS}} {{python}} -m pytest -m server tests/exactly_once -k "not without" -rA

# what each stage of the flow costs; figures go to benchmarks/results
bench *ARGS:
    {{python}} -m benchmarks.flow {{ARGS}}

# other Sigma engines beside ours: verdicts, then what they cost (builds them first: cargo, pip)
bench-peers *ARGS:
    {{python}} -m benchmarks.peers.run {{ARGS}}

# how fast the detection engine is: corpora are built first; figures go to benchmarks/results/engine
bench-engine *ARGS:
    {{python}} -m benchmarks.engine {{ARGS}}

# write goldens of a parser anew, then read the diff
golden NAME:
    ./tocsin parsers test {{NAME}} --update

# resolve the dependencies again (needs uv); the dev lock first, the runtime lock inside it, that of the next pySigma beside it
lock:
    uv pip compile --universal --generate-hashes --python-version 3.11 --no-header -q pyproject.toml --group dev -o requirements-dev.lock
    echo "hatchling>=1.27" | uv pip compile --universal --generate-hashes --python-version 3.11 --no-header -q pyproject.toml - -c requirements-dev.lock -o requirements.lock
    sed '/^pysigma==/,/^    # via/d' requirements-dev.lock > /tmp/tocsin-constraints.txt
    uv pip compile --universal --generate-hashes --python-version 3.11 --no-header -q pyproject.toml --group pysigma2 -c /tmp/tocsin-constraints.txt -o requirements-pysigma2.lock

# the next changelog, printed
changelog:
    {{bin}}/towncrier build --draft --version next

# bring the French of the console up to date with the texts in code and templates, then compile it
messages:
    {{bin}}/pybabel -q extract -F correlator/api/locale/babel.cfg -k N_ -k _ --no-location --omit-header -o /tmp/tocsin.pot correlator/api
    {{bin}}/pybabel -q update -D tocsin -l fr -i /tmp/tocsin.pot -d correlator/api/locale --no-fuzzy-matching --ignore-obsolete -w 120
    {{bin}}/pybabel compile -D tocsin -l fr -d correlator/api/locale --statistics
