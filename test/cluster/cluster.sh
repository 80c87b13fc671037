#!/usr/bin/env bash
# A real Kubernetes of one node on this machine, in namespaces of its own: no port of the machine is taken, and no
# mount or interface is left when it ends. One at a time, since control groups belong to the machine.
#
#   cluster.sh start PROGRAMS DIRECTORY [IMAGE=NAME]...   returns when the node is Ready; images of the Docker Engine
#   cluster.sh kubectl PROGRAMS DIRECTORY WORD...         as admin
#   cluster.sh stop DIRECTORY                             by SIGKILL; the data stays, and another start finds it
#
# Needs root, docker, and Debian's containerd, runc, containernetworking-plugins, iproute2, openssl, curl.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

alive() { [ -e "$1/pid" ] && kill -0 "$(cat "$1/pid")" 2>/dev/null; }

save_images() { # PROGRAMS DIRECTORY [IMAGE=NAME]...
  local programs=$1 directory=$2 pair from names=(localhost/pause:1)
  shift 2
  printf 'FROM scratch\nCOPY pause /pause\nUSER 65535:65535\nENTRYPOINT ["/pause"]\n' >"$programs/Dockerfile"
  docker build --quiet --tag localhost/pause:1 "$programs" >/dev/null
  : >"$directory/images.names"
  for pair; do
    from=${pair%%=*}
    names+=("$from")
    case $from in *:*) ;; *) from=$from:latest ;; esac
    echo "$from ${pair#*=}" >>"$directory/images.names"
  done
  docker save --output "$directory/images.tar" "${names[@]}"
}

start() {
  local programs=$1 directory=$2
  ! alive "$directory" || { echo "cluster: $directory runs already" >&2; exit 1; }
  mkdir -p "$directory"
  [ -e "$directory/images.tar" ] || save_images "$@"
  rm -f "$directory/ready"
  # --kill-child: what runs below is process 1 of its pid namespace, and takes all others along.
  setsid unshare --net --mount --propagation private --pid --fork --kill-child --mount-proc \
    bash "$here/node.sh" "$programs" "$directory" >"$directory/log.node" 2>&1 </dev/null &
  echo $! >"$directory/pid"
  until [ -e "$directory/ready" ]; do
    alive "$directory" || { tail -n 20 "$directory/log.node" >&2; exit 1; }
    sleep 0.2
  done
}

stop() {
  local directory=$1 pid
  pid=$(cat "$directory/pid" 2>/dev/null) || return 0
  kill -KILL "$pid" 2>/dev/null || true
  while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
  rm -f "$directory/pid"
  # Empty groups of pods are the machine's.
  find /sys/fs/cgroup -depth -type d \( -path '*/kubepods*' -o -path '*/k8s.io*' \) -exec rmdir {} + 2>/dev/null || true
}

action=${1:-}
[ -z "$action" ] || shift
case $action in
  start) start "$@" ;;
  kubectl)
    programs=$1 directory=$2
    shift 2
    exec nsenter --target "$(cat "$directory/pid")" --net -- \
      "$programs/kubernetes" kubectl --kubeconfig "${KUBECONFIG:-$directory/admin.conf}" "$@"
    ;;
  stop) stop "$@" ;;
  *) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
