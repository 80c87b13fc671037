#!/usr/bin/env bash
# Podman with a store of its own, as root or as a user of its own, who is no user of this machine: /etc/passwd and
# /etc/subuid are others in the mount namespace that this runs in.
#   usage: unshare --mount bash podman.sh DIRECTORY root|rootless WORD...
set -euo pipefail
directory=$1 who=$2
shift 2
case $directory in /var/tmp/?*) ;; *) echo "podman.sh: '$directory' is not below /var/tmp" >&2; exit 2 ;; esac
uid=4243
# As on a machine that systemd has started; rootless Podman warns otherwise.
mount --make-rshared /
# Control groups here are of both versions at once, which crun refuses where version 2 has a controller.
umount /sys/fs/cgroup/unified 2>/dev/null || true
podman=(podman --cgroup-manager cgroupfs --storage-driver overlay)

if [ "$who" = root ]; then
  exec "${podman[@]}" --root "$directory/root" --runroot "$directory/run" "$@"
fi
home=$directory/rootless
# Not below the home: Podman 4.3 then waits 20 seconds for the end of each container.
runtime=/run/${directory##*/}
if [ ! -d "$home" ]; then
  mkdir "$home" "$runtime"
  (cat /etc/passwd && echo "rootless:x:$uid:$uid::$home:/bin/sh") >"$directory/passwd"
  echo "rootless:700000:65536" >"$directory/subids"
  chown $uid:$uid "$home" "$runtime"
  chmod 700 "$runtime"
fi
mount --bind "$directory/passwd" /etc/passwd
mount --bind "$directory/subids" /etc/subuid
mount --bind "$directory/subids" /etc/subgid
cd "$home"
exec setpriv --reuid $uid --regid $uid --clear-groups \
  env -i PATH="$PATH" HOME="$home" XDG_RUNTIME_DIR="$runtime" "${podman[@]}" "$@"
