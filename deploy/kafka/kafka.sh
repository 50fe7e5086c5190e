#!/usr/bin/env bash
# A Kafka of one's own on 127.0.0.1, from Maven Central's jars: to try Tocsin's workers, and for its tests. Not for production.
#
#   kafka.sh fetch        bring the jars (needs mvn; 54 MB)
#   kafka.sh start [N]    start N brokers (default 1) and wait until they answer; prints the bootstrap address
#   kafka.sh stop         stop them
#   kafka.sh status       which of them run
#
# KAFKA_JARS  folder of the jars        (default ~/.cache/tocsin/kafka-4.3.1)
# KAFKA_DATA  folder of data and logs   (default ./kafka-data)
# KAFKA_PORT  port of the first broker  (default 19092; the controllers take the ports 1000 above)
# KAFKA_HEAP  memory of each broker     (default 512m)
# KAFKA_EXTRA file with more settings of the brokers
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
jars=${KAFKA_JARS:-$HOME/.cache/tocsin/kafka-4.3.1}
data=${KAFKA_DATA:-$PWD/kafka-data}
first=${KAFKA_PORT:-19092}
heap=${KAFKA_HEAP:-512m}

jvm() { java "-Dlog4j2.configurationFile=$here/log4j2.yaml" -cp "$jars/*" "$@"; }
port() { echo $((first + $1 - 1)); }
controller() { echo $((first + 1000 + $1 - 1)); }

settings() { # node, nodes: its server.properties
    local node=$1 nodes=$2 copies=1 acknowledged=1 voters=() one
    if [ "$nodes" -ge 3 ]; then copies=3 acknowledged=2; fi
    for one in $(seq "$nodes"); do voters+=("$one@127.0.0.1:$(controller "$one")"); done
    cat <<EOF
node.id=$node
process.roles=broker,controller
listeners=PLAINTEXT://127.0.0.1:$(port "$node"),CONTROLLER://127.0.0.1:$(controller "$node")
advertised.listeners=PLAINTEXT://127.0.0.1:$(port "$node")
controller.listener.names=CONTROLLER
controller.quorum.voters=$(IFS=,; echo "${voters[*]}")
log.dirs=$data/$node/log
auto.create.topics.enable=false
default.replication.factor=$copies
min.insync.replicas=$acknowledged
offsets.topic.replication.factor=$copies
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=$copies
transaction.state.log.min.isr=$acknowledged
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=$copies
share.coordinator.state.topic.min.isr=$acknowledged
group.initial.rebalance.delay.ms=0
num.network.threads=2
num.io.threads=4
log.cleaner.dedupe.buffer.size=16777216
EOF
    if [ -n "${KAFKA_EXTRA:-}" ]; then cat "$KAFKA_EXTRA"; fi
}

runs() { [ -f "$data/$1/pid" ] && kill -0 "$(cat "$data/$1/pid")" 2>/dev/null; }

start() {
    local nodes=${1:-1} node
    [ -d "$jars" ] || { echo "no jars in $jars: run '$0 fetch' first" >&2; exit 2; }
    mkdir -p "$data"
    [ -s "$data/cluster" ] || jvm -Xmx128m kafka.tools.StorageTool random-uuid 2>/dev/null | tail -n 1 > "$data/cluster"
    for node in $(seq "$nodes"); do
        mkdir -p "$data/$node"
        settings "$node" "$nodes" > "$data/$node/server.properties"
        [ -f "$data/$node/log/meta.properties" ] || jvm -Xmx128m kafka.tools.StorageTool format \
            -t "$(cat "$data/cluster")" -c "$data/$node/server.properties" > "$data/$node/format.txt" 2>&1
        runs "$node" && continue
        : > "$data/$node/out.txt"
        (exec setsid java "-Dlog4j2.configurationFile=$here/log4j2.yaml" -Xms"$heap" -Xmx"$heap" -XX:+UseG1GC \
            -cp "$jars/*" kafka.Kafka "$data/$node/server.properties" >> "$data/$node/out.txt" 2>&1 < /dev/null) &
        echo $! > "$data/$node/pid"
    done
    local addresses=() tries
    for node in $(seq "$nodes"); do
        for tries in $(seq 600); do
            grep -q "Kafka Server started" "$data/$node/out.txt" && break
            runs "$node" || { echo "broker $node ended:" >&2; tail -n 20 "$data/$node/out.txt" >&2; exit 1; }
            sleep 0.1
        done
        [ "$tries" -lt 600 ] || { echo "broker $node does not answer after a minute" >&2; exit 1; }
        addresses+=("127.0.0.1:$(port "$node")")
    done
    (IFS=,; echo "${addresses[*]}")
}

stop() {
    local folder pid tries
    for folder in "$data"/[0-9]*; do
        [ -f "$folder/pid" ] || continue
        pid=$(cat "$folder/pid")
        kill "$pid" 2>/dev/null || true
        for tries in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
        kill -9 "$pid" 2>/dev/null || true
        rm -f "$folder/pid"
    done
}

status() {
    local folder node
    for folder in "$data"/[0-9]*; do
        node=$(basename "$folder")
        if runs "$node"; then echo "broker $node: runs, process $(cat "$folder/pid"), port $(port "$node")"; else echo "broker $node: stopped"; fi
    done
}

case "${1:-}" in
fetch) mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DincludeScope=runtime "-DoutputDirectory=$jars" ;;
start) start "${2:-1}" ;;
stop) stop ;;
status) status ;;
*) sed -n '2,14s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 2 ;;
esac
