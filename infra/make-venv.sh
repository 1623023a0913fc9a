#!/bin/sh
# Creates .venv with the Python given as the argument, or reports what the machine lacks.
set -eu

cd "$(dirname "$0")/.."
python=$1

fail() {
    printf 'setup: %s\n' "$@" >&2
    exit 1
}

command -v "$python" >/dev/null ||
    fail "$python is not installed; on Debian: apt-get install python3 python3-venv"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$python is $("$python" -V 2>&1); 3.11 or newer is required." \
        "If a newer one has another name: make setup PYTHON=python3.12"
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
    fail "$python cannot create virtual environments; on Debian: apt-get install python3-venv"

echo "setup: .venv with $("$python" -V)"
"$python" -m venv .venv
