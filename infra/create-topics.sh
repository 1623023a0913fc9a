#!/usr/bin/env bash
# Creates the catalog's topics, and says where one that is there differs; it never changes one.
set -euo pipefail

# name, partitions, retention in ms
# generated: topics
TOPICS=(
    "eka.usage.events 10 604800000"
    "eka.usage.events.dlq 3 2592000000"
)
# /generated

usage() {
    cat <<'EOF'
infra/create-topics.sh [--dry-run]

  BOOTSTRAP            the brokers' addresses, host:port, separated by commas (required)
  REPLICATION_FACTOR   copies of each partition (3)
  COMMAND_CONFIG       a Java properties file with TLS and SASL, as kafka-topics.sh takes it

Runs kafka-topics.sh where the PATH has it, and the Python client where it has not.
Exit code: 0 all topics are as the catalog says, 1 it could not be done, 2 wrong use,
3 a topic differs from the catalog; it was left as it is.
EOF
}

fail() {
    printf 'create-topics: %s\n' "$2" >&2
    exit "$1"
}

dry_run=
while (($#)); do
    case $1 in
        --dry-run) dry_run=yes ;;
        -h | --help) usage && exit ;;
        *) usage >&2 && fail 2 "$1 is not known" ;;
    esac
    shift
done
[[ -n ${BOOTSTRAP:-} ]] || fail 2 "set BOOTSTRAP to the brokers' addresses, such as localhost:9092"
replicas=${REPLICATION_FACTOR:-3}
[[ $replicas =~ ^[1-9][0-9]*$ ]] || fail 2 "REPLICATION_FACTOR is '$replicas', not a whole number from 1"
config=${COMMAND_CONFIG:-}
[[ -z $config || (-f $config && -r $config) ]] || fail 2 "COMMAND_CONFIG: cannot read '$config'"

if ! command -v kafka-topics.sh >/dev/null; then
    options=(--bootstrap "$BOOTSTRAP" --replication-factor "$replicas")
    [[ -z $config ]] || options+=(--command-config "$(realpath "$config")")
    [[ -z $dry_run ]] || options+=(--dry-run)
    python=${PYTHON:-python3}
    "$python" -c 'import confluent_kafka' 2>/dev/null ||
        fail 1 "neither kafka-topics.sh nor a $python with confluent_kafka is on the PATH: add one of them"
    cd "$(dirname "${BASH_SOURCE[0]}")/.."
    exec "$python" -m infra.topics "${options[@]}" "${TOPICS[@]}"
fi

said=$(mktemp)
trap 'rm -f "$said"' EXIT

# What it says to stderr, log and stack alike, waits there.
kafka_topics() {
    local connection=(--bootstrap-server "$BOOTSTRAP")
    [[ -z $config ]] || connection+=(--command-config "$config")
    kafka-topics.sh "${connection[@]}" "$@" 2>"$said"
}

# Of that, the words of the exception that all began with.
why() {
    sed -nE 's/.*Exception: //p' "$said" | tail -n 1 | grep . || cat "$said"
}

# The value that a description of a topic has for a name: `PartitionCount: 10`, `retention.ms=1`.
described() {
    sed -nE "1s/.*[[:space:],]$2[=:] ?([0-9]+).*/\1/p" <<<"$1"
}

differing=0
for topic in "${TOPICS[@]}"; do
    read -r name partitions retention <<<"$topic"
    found=$(kafka_topics --describe --if-exists --topic "${name//./\\.}") ||
        fail 1 "$BOOTSTRAP: is Kafka running there, and COMMAND_CONFIG right? It says: $(why)"
    if [[ -n $found ]]; then
        has_partitions=$(described "$found" PartitionCount)
        has_retention=$(described "$found" 'retention\.ms')
        if ((has_partitions < partitions)); then
            echo "$name: has $has_partitions partitions, fewer than the catalog's $partitions; left as it is"
            differing=1
        elif [[ $has_retention != "$retention" ]]; then
            echo "$name: has retention.ms ${has_retention:-of the broker}, not the catalog's $retention; left as it is"
            differing=1
        else
            echo "$name: is there"
        fi
    elif [[ -n $dry_run ]]; then
        echo "$name: would be created with $partitions partitions, retention.ms $retention, $replicas replicas"
    else
        kafka_topics --create --if-not-exists --topic "$name" --partitions "$partitions" \
            --replication-factor "$replicas" --config "retention.ms=$retention" >/dev/null ||
            fail 1 "$BOOTSTRAP: cannot create $name with REPLICATION_FACTOR=$replicas: $(why)"
        echo "$name: created with $partitions partitions, retention.ms $retention, $replicas replicas"
    fi
done
((differing == 0)) || exit 3
