#!/usr/bin/env bash
# usage: tests/rdma/vm.sh SECONDS COMMAND...
#
# Runs the command as root under Debian's kernel in a virtual machine, which has
# Soft-RoCE (rdma_rxe): RDMA devices in software on any network device. The
# machine is emulated, so this works in a container. It sees the files of this
# host, read-only, and keeps its own changes in memory.
#
# Exit status: the command's; 77 where the machine cannot be had, with the
# reason; 99 when it did not report within the given seconds.
# The kernel (70 MB) is fetched from Debian's mirror once and kept in
# MLX_RDMA_VM_CACHE (default: ~/.cache/mlx-rdma-vm).
set -euo pipefail

seconds=$1
shift
cache=${MLX_RDMA_VM_CACHE:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/mlx-rdma-vm}
modules=(crc32_generic rdma_rxe ib_uverbs dummy veth sch_netem virtio_pci 9pnet_virtio 9p overlay)

skip() {
  echo "SKIPPED: no virtual machine with RDMA here: $*" >&2
  exit 77
}

# The kernel image and those of its modules that are needed, each with what it
# depends on before it; numbered in that order.
fetch_kernel() {
  command -v apt-get >/dev/null || skip "this is no Debian, whose kernel it would run"
  local package unpacked=$work/kernel
  package=$(apt-cache depends linux-image-amd64 2>/dev/null | sed -n 's/.*Depends: //p' | head -1)
  [ -n "$package" ] || skip "apt knows no linux-image-amd64 (apt-get update?)"
  mkdir "$unpacked"
  (cd "$unpacked" && timeout 120 apt-get download "$package" >/dev/null 2>&1) ||
    skip "the kernel is not in $cache and cannot be downloaded"
  dpkg --fsys-tarfile "$unpacked"/*.deb | tar -x -C "$unpacked" ./boot ./lib/modules
  local next=$cache.$$
  mkdir -p "$next"
  local -A added=()
  local count=100
  add_module() {
    local file dependency
    file=$(find "$unpacked/lib/modules" -name "${1//_/[-_]}.ko" | head -1)
    [ -n "$file" ] && [ -z "${added[$file]:-}" ] || return 0
    added[$file]=1
    for dependency in $(tr '\0' '\n' <"$file" | sed -n 's/^depends=//p' | tr , ' '); do
      add_module "$dependency"
    done
    cp "$file" "$next/$((count++)).ko"
  }
  local module
  for module in "${modules[@]}"; do add_module "$module"; done
  cp "$unpacked"/boot/vmlinuz-* "$next/vmlinuz"
  rm -rf "$cache"
  mv "$next" "$cache"
}

# The first program of the machine: inserts the modules, makes the host's files
# its root, runs the command, reports, and switches the machine off.
write_init() {
  cat >"$1" <<'INIT'
#!/bin/busybox sh
b=/bin/busybox
$b mount -t proc proc /proc; $b mount -t sysfs sys /sys; $b mount -t devtmpfs dev /dev
for module in /modules/*; do $b insmod $module; done
$b mount -t 9p -o trans=virtio,version=9p2000.L,ro,msize=524288,cache=loose host /host
$b mount -t tmpfs tmp /changes; $b mkdir /changes/upper /changes/work
$b mount -t overlay -o lowerdir=/host,upperdir=/changes/upper,workdir=/changes/work root /root
for d in proc sys dev; do $b mount --move /$d /root/$d; done
for d in run dev/shm; do $b mkdir -p /root/$d; $b mount -t tmpfs tmp /root/$d; done
$b cp /command /root/run/command
echo; echo GUEST-START
$b chroot /root /bin/bash -c 'export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
  ulimit -l unlimited; ip link set lo up; cd /; bash /run/command'
status=$?
echo; echo "GUEST-EXIT=$status"
$b poweroff -f
INIT
  chmod +x "$1"
}

for program in qemu-system-x86_64 busybox cpio rdma ip; do
  command -v "$program" >/dev/null ||
    skip "$program is not installed (scripts/setup.sh --rdma installs what it takes)"
done
work=$(mktemp -d)
trap 'rm -rf "$work" "$cache.$$"' EXIT
[ -e "$cache/vmlinuz" ] || fetch_kernel

root=$work/root
mkdir -p "$root"/{bin,proc,sys,dev,modules,host,changes,root}
cp "$(command -v busybox)" "$root/bin/busybox"
cp "$cache"/*.ko "$root/modules/"
printf '%q ' "$@" >"$root/command"
write_init "$root/init"
(cd "$root" && find . | cpio -o -H newc --quiet | gzip -1) >"$work/initrd"

timeout "$seconds" qemu-system-x86_64 \
  -accel tcg,thread=multi -cpu max -smp 2 -m 2G \
  -nographic -nodefaults -no-reboot -nic none -serial stdio \
  -kernel "$cache/vmlinuz" -initrd "$work/initrd" \
  -virtfs local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap \
  -append 'console=ttyS0 quiet panic=-1 rdinit=/init mitigations=off' \
  </dev/null 2>&1 | tr -d '\r' | tee "$work/console" |
  sed -u '0,/^GUEST-START/d; /^GUEST-EXIT/,$d' || true

status=$(sed -n 's/^GUEST-EXIT=//p' "$work/console" | tail -1)
if [ -z "$status" ]; then
  echo "The virtual machine did not report within $seconds s. Its last words:" >&2
  tail -20 "$work/console" >&2
fi
exit "${status:-99}"
