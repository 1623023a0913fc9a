#!/usr/bin/env bash
# Creates the catalog's topics and reports existing ones that differ; it never changes a topic.
set -euo pipefail

# name, partitions, retention in ms, message.timestamp.type or -
# generated: topics
TOPICS=(
    "eka.usage.events 10 604800000 LogAppendTime"
    "eka.usage.events.dlq 3 2592000000 -"
)
# /generated

usage() {
    cat <<'EOF'
infra/create-topics.sh [--dry-run]

  BOOTSTRAP            the brokers' addresses, host:port, separated by commas (required)
  REPLICATION_FACTOR   copies of each partition (3); from 3 on, min.insync.replicas is 2
  COMMAND_CONFIG       a Java properties file with TLS and SASL settings, as for kafka-topics.sh

Runs kafka-topics.sh if it is on the PATH, else the Python client.
Exit code: 0 all topics match the catalog, 1 failure, 2 usage error,
3 a topic differs from the catalog; it was left unchanged.
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
        *) usage >&2 && fail 2 "unknown option $1" ;;
    esac
    shift
done
[[ -n ${BOOTSTRAP:-} ]] || fail 2 "set BOOTSTRAP to the brokers' addresses, such as localhost:9092"
replicas=${REPLICATION_FACTOR:-3}
[[ $replicas =~ ^[1-9][0-9]*$ ]] || fail 2 "REPLICATION_FACTOR must be a whole number from 1, got '$replicas'"
in_sync=$((replicas >= 3 ? 2 : 1))
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

errors=$(mktemp)
trap 'rm -f "$errors"' EXIT

# Its stderr, log lines and stack traces alike, goes to that file.
kafka_topics() {
    local connection=(--bootstrap-server "$BOOTSTRAP")
    [[ -z $config ]] || connection+=(--command-config "$config")
    kafka-topics.sh "${connection[@]}" "$@" 2>"$errors"
}

# The message of the last exception in the file, which is the root cause.
cause() {
    sed -nE 's/.*Exception: //p' "$errors" | tail -n 1 | grep . || cat "$errors"
}

# A value in the description of a topic: `PartitionCount: 10`, `retention.ms=1`.
value_of() {
    sed -nE "1s/.*[[:space:],]$2[=:] ?([0-9A-Za-z]+).*/\1/p" <<<"$1"
}

differing=0
for topic in "${TOPICS[@]}"; do
    read -r name partitions retention stamped <<<"$topic"
    [[ $stamped != - ]] || stamped=
    stamping=${stamped:+, message.timestamp.type $stamped}
    found=$(kafka_topics --describe --if-exists --topic "${name//./\\.}") ||
        fail 1 "cannot reach Kafka at $BOOTSTRAP: $(cause); check that it runs there and that COMMAND_CONFIG is right"
    if [[ -n $found ]]; then
        has_partitions=$(value_of "$found" PartitionCount)
        has_retention=$(value_of "$found" 'retention\.ms')
        has_stamped=$(value_of "$found" 'message\.timestamp\.type')
        if ((has_partitions < partitions)); then
            echo "$name: has $has_partitions partitions, fewer than the catalog's $partitions; left unchanged"
            differing=1
        elif [[ $has_retention != "$retention" ]]; then
            echo "$name: has retention.ms ${has_retention:-of the broker}, not the catalog's $retention; left unchanged"
            differing=1
        elif [[ -n $stamped && $has_stamped != "$stamped" ]]; then
            echo "$name: has message.timestamp.type ${has_stamped:-of the broker}, not the catalog's $stamped; left unchanged"
            differing=1
        else
            echo "$name: exists"
        fi
    elif [[ -n $dry_run ]]; then
        echo "$name: would be created with $partitions partitions, retention.ms $retention$stamping, $replicas replicas, min.insync.replicas $in_sync"
    else
        kafka_topics --create --if-not-exists --topic "$name" --partitions "$partitions" \
            --replication-factor "$replicas" --config "retention.ms=$retention" \
            --config "min.insync.replicas=$in_sync" ${stamped:+--config "message.timestamp.type=$stamped"} >/dev/null ||
            fail 1 "$BOOTSTRAP: cannot create $name with REPLICATION_FACTOR=$replicas: $(cause)"
        echo "$name: created with $partitions partitions, retention.ms $retention$stamping, $replicas replicas, min.insync.replicas $in_sync"
    fi
done
((differing == 0)) || exit 3
