#!/usr/bin/env bash
# One Kubernetes node: etcd, API server, controllers, scheduler, containerd and kubelet. cluster.sh starts this in
# network, mount and pid namespaces of its own, so that the end of one process is the end of all of it.
#   usage: node.sh PROGRAMS DIRECTORY        PROGRAMS is what build.sh made; all else is below DIRECTORY
set -euo pipefail
programs=$1 directory=$2
address=10.99.0.1
api=https://$address:6443
pki=$directory/pki logs=$directory/log
mkdir -p "$pki" "$logs" "$directory"/{cni,kubelet,pod-logs}
chmod 700 "$pki"
part() { local name=$1; shift; "$programs/kubernetes" "$name" "$@" >"$logs/$name" 2>&1 & }
admin() { "$programs/kubernetes" kubectl --kubeconfig "$directory/admin.conf" "$@"; }
# Waits for a check to hold, while the node's parts are alive.
await() {
  until "$@" >/dev/null 2>&1; do
    for job in $(jobs -p); do kill -0 "$job" || { tail -n 3 "$logs"/*; exit 1; }; done
    sleep 0.2
  done
}

# --- what the machine looks like from here ---
mount --make-rshared /
mount -t tmpfs -o mode=755 none /run
# The kernel has huge pages, but no controller for them is mounted where control groups are of version 1: the kubelet
# would fail to set it.
mount -t tmpfs -o size=4k none /sys/kernel/mm/hugepages
ip link set lo up
ip link add node0 type veth peer name node0-peer
ip addr add $address/24 dev node0
ip link set node0-peer up
ip link set node0 up
ip route add default via 10.99.0.254 dev node0

# --- certificates, and a kubeconfig for each part ---
key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
issue() { # FILE SUBJECT [NAMES]
  openssl req "${key[@]}" -keyout "$pki/$1.key" -out "$pki/$1.csr" -subj "$2" 2>/dev/null
  openssl x509 -req -in "$pki/$1.csr" -CA "$pki/ca.crt" -CAkey "$pki/ca.key" -CAcreateserial -days 2 \
    -out "$pki/$1.crt" -extfile <(
      echo 'keyUsage=critical,digitalSignature'
      echo 'extendedKeyUsage=serverAuth,clientAuth'
      [ $# -lt 3 ] || echo "subjectAltName=$3"
    ) 2>/dev/null
}
kubeconfig() { # FILE
  cat >"$directory/$1.conf" <<YAML
apiVersion: v1
kind: Config
clusters: [{name: here, cluster: {server: "$api", certificate-authority: "$pki/ca.crt"}}]
users: [{name: me, user: {client-certificate: "$pki/$1.crt", client-key: "$pki/$1.key"}}]
contexts: [{name: here, context: {cluster: here, user: me}}]
current-context: here
YAML
}
if [ ! -e "$pki/done" ]; then
  openssl req -x509 "${key[@]}" -keyout "$pki/ca.key" -out "$pki/ca.crt" -days 2 -subj /CN=cluster 2>/dev/null
  openssl ecparam -name prime256v1 -genkey -noout -out "$pki/accounts.key"
  openssl ec -in "$pki/accounts.key" -pubout -out "$pki/accounts.pub" 2>/dev/null
  issue apiserver /CN=kube-apiserver "IP:$address,IP:127.0.0.1,IP:10.96.0.1,DNS:kubernetes.default.svc"
  issue apiserver-to-kubelet /O=system:masters/CN=apiserver-to-kubelet
  issue admin /O=system:masters/CN=admin
  issue developer /CN=developer
  issue controllers /CN=system:kube-controller-manager
  issue scheduler /CN=system:kube-scheduler
  issue kubelet /O=system:nodes/CN=system:node:node1 "IP:$address,DNS:node1"
  for one in admin developer controllers scheduler kubelet; do kubeconfig $one; done
  touch "$pki/done"
fi

# --- containerd, with the bridge of containernetworking-plugins ---
cat >"$directory/containerd.toml" <<TOML
version = 2
root = "$directory/containerd"
state = "/run/containerd"
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "$directory/containerd-opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  # Without CAP_SYS_RESOURCE nothing may get a lower score than containerd has itself.
  restrict_oom_score_adj = true
  disable_hugetlb_controller = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$directory/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
TOML
cat >"$directory/cni/10-pods.conflist" <<JSON
{"cniVersion": "1.0.0", "name": "pods", "plugins": [{"type": "bridge", "bridge": "pods0", "isGateway": true,
 "hairpinMode": true, "ipam": {"type": "host-local", "dataDir": "$directory/ipam",
 "ranges": [[{"subnet": "10.244.0.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
JSON
containerd --config "$directory/containerd.toml" >"$logs/containerd" 2>&1 &

# --- etcd and the API server, with an audit log of every body ---
part etcd --name node1 --data-dir "$directory/etcd" --listen-client-urls http://127.0.0.1:2379 \
  --advertise-client-urls http://127.0.0.1:2379 --listen-peer-urls http://127.0.0.1:2380
await curl -fsS http://127.0.0.1:2379/health
cat >"$directory/audit.yaml" <<YAML
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: RequestResponse
    resources:
      - group: apps
      - {group: "", resources: [pods, pods/exec, pods/log, configmaps, events, secrets]}
  - level: Metadata
YAML
part kube-apiserver --etcd-servers=http://127.0.0.1:2379 --advertise-address=$address --secure-port=6443 \
  --tls-cert-file="$pki/apiserver.crt" --tls-private-key-file="$pki/apiserver.key" \
  --client-ca-file="$pki/ca.crt" --anonymous-auth=false --authorization-mode=Node,RBAC \
  --enable-admission-plugins=NodeRestriction --service-cluster-ip-range=10.96.0.0/24 \
  --service-account-issuer=https://kubernetes.default.svc --service-account-key-file="$pki/accounts.pub" \
  --service-account-signing-key-file="$pki/accounts.key" \
  --kubelet-client-certificate="$pki/apiserver-to-kubelet.crt" \
  --kubelet-client-key="$pki/apiserver-to-kubelet.key" --kubelet-certificate-authority="$pki/ca.crt" \
  --kubelet-preferred-address-types=InternalIP --audit-log-path="$logs/audit" \
  --audit-policy-file="$directory/audit.yaml"
await admin get --raw /readyz

# --- the images that cluster.sh saved, under the names the manifests use ---
await ctr --namespace k8s.io version
if ! ctr --namespace k8s.io images ls -q | grep -qx localhost/pause:1; then
  ctr --namespace k8s.io images import "$directory/images.tar" >/dev/null
  # The whole name of an image of Docker's own registry.
  whole() { case $1 in */*) echo "docker.io/$1" ;; *) echo "docker.io/library/$1" ;; esac; }
  while read -r from to; do
    ctr --namespace k8s.io images tag --force "$(whole "$from")" "$(whole "$to")" >/dev/null
  done <"$directory/images.names"
fi

# --- controllers, scheduler, kubelet ---
part kube-controller-manager --kubeconfig="$directory/controllers.conf" --bind-address=127.0.0.1 \
  --leader-elect=false --use-service-account-credentials \
  --service-account-private-key-file="$pki/accounts.key" --root-ca-file="$pki/ca.crt"
part kube-scheduler --kubeconfig="$directory/scheduler.conf" --bind-address=127.0.0.1 --leader-elect=false
cat >"$directory/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
cgroupDriver: cgroupfs
failSwapOn: false
# From 1.35 the kubelet refuses control groups of version 1 unless told.
failCgroupV1: false
# It may neither lower its own out-of-memory score here nor set parameters of the kernel.
featureGates: {KubeletInUserNamespace: true}
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: "$pki/ca.crt"}
authorization: {mode: Webhook}
tlsCertFile: $pki/kubelet.crt
tlsPrivateKeyFile: $pki/kubelet.key
clusterDomain: cluster.local
resolvConf: /etc/resolv.conf
podLogsDir: $directory/pod-logs
enforceNodeAllocatable: [pods]
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%, nodefs.inodesFree: 1%}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
syncFrequency: 10s
YAML
part kubelet --config="$directory/kubelet.yaml" --kubeconfig="$directory/kubelet.conf" \
  --root-dir="$directory/kubelet" --hostname-override=node1 --node-ip=$address --cert-dir="$pki"
await admin wait --for=condition=Ready --timeout=1s node/node1
await admin get serviceaccount default
touch "$directory/ready"
wait
