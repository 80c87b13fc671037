#!/usr/bin/env bash
# A second Docker Engine on this machine, in a network namespace of its own, joined to the first by a pair of
# virtual interfaces (192.168.231.0/30): a second node for a Swarm. usage: second-engine.sh start|stop DIRECTORY
set -euo pipefail
action=$1 directory=$2
host=unix://$directory/socket
namespace=disinto-node2

stop() {
  if [ -e "$directory/pid" ]; then
    local pid
    pid=$(cat "$directory/pid")
    kill "$pid" 2>/dev/null || true
    for _ in $(seq 60); do kill -0 "$pid" 2>/dev/null || break; sleep 0.5; done
  fi
  ip netns del "$namespace" 2>/dev/null || true
  ip link del disinto-node1 2>/dev/null || true
  # What a killed engine may have left mounted.
  awk -v under="$directory/" 'index($2, under) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r umount || true
  rm -rf "$directory"
}

# What a killed run left, too.
stop
[ "$action" = stop ] && exit
trap 'code=$?; [ $code = 0 ] || { tail -n 20 "$directory/log" >&2 || true; stop; }' EXIT
mkdir -p "$directory"
ip netns add "$namespace"
ip link add disinto-node1 type veth peer name disinto-node2
ip link set disinto-node2 netns "$namespace"
ip addr add 192.168.231.1/30 dev disinto-node1
ip link set disinto-node1 up
ip -n "$namespace" addr add 192.168.231.2/30 dev disinto-node2
ip -n "$namespace" link set disinto-node2 up
ip -n "$namespace" link set lo up
# Not `ip netns exec`, which mounts a /sys without control groups. No default route: a registry that can't be
# reached fails at once.
setsid nsenter --net="/run/netns/$namespace" dockerd --data-root "$directory/data" --exec-root "$directory/exec" \
  --pidfile "$directory/pid" --host "$host" --iptables=false --ip-forward=false --ip-masq=false \
  >"$directory/log" 2>&1 </dev/null &
for _ in $(seq 120); do
  docker --host "$host" info >/dev/null 2>&1 && exit 0
  sleep 0.5
done
exit 1
