#!/bin/sh
# Installs Chromium for the test of the HTTP API's pages where Debian's packages are and may be installed.
# Without it that test is skipped, so nothing here is an error.
set -u

for name in chromium-headless-shell chromium; do
    command -v "$name" >/dev/null && exit 0
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "setup: Chromium, 100 MB, from the packages of this system"
    { apt-get update && apt-get install --yes --no-install-recommends chromium-headless-shell; } >/dev/null 2>&1 && exit 0
fi
echo "setup: no Chromium; tests/browser is skipped. On Debian: apt-get install chromium-headless-shell"
