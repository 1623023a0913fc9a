#!/bin/sh
# Makes .venv with the Python named as the argument, or says what the machine lacks.
set -eu

cd "$(dirname "$0")/.."
python=$1

fail() {
    printf 'setup: %s\n' "$@" >&2
    exit 1
}

command -v "$python" >/dev/null ||
    fail "there is no $python on this machine; on Debian: apt-get install python3 python3-venv"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$python is $("$python" -V 2>&1); 3.11 or newer is needed." \
        "Where a newer one has another name: make setup PYTHON=python3.12"
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
    fail "$python cannot make virtual environments; on Debian: apt-get install python3-venv"

echo "setup: .venv with $("$python" -V)"
"$python" -m venv .venv
