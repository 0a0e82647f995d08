#!/bin/sh
# The first process in User Mode Linux. The root is the host's, read-only: it becomes the lower layer of an overlay.

lab=${0%/*}
kernel=$(uname -r)

set -e  # a step that fails here ends this process, so the kernel stops and the log tells why
mount -t proc proc /proc
mount -t tmpfs -o mode=0755 tmpfs /run
mkdir /run/lab /run/root /run/upper /run/work
mount -t hostfs none /run/lab -o "$lab"
modules=$(readlink "$lab/modules")
insmod "$modules/$kernel/kernel/fs/overlayfs/overlay.ko"
mount -t overlay overlay -o lowerdir=/,upperdir=/run/upper,workdir=/run/work /run/root
mount --move /dev /run/root/dev
mount --move /proc /run/root/proc
mount -t sysfs sysfs /run/root/sys
mount -t tmpfs -o mode=0755 tmpfs /run/root/run
mkdir /run/root/run/lab /run/root/run/host
mount --move /run/lab /run/root/run/lab
cd /run/root
pivot_root . run/host
umount -l /run/host

# The overlay lets the modules stand where the kernel looks for them, so its own auto-loading works too.
mkdir -p /lib/modules
ln -sfn "$modules/$kernel" "/lib/modules/$kernel"
# From 7.2 on this kernel has no iptables at all.
modprobe -a iptable_mangle ip6table_mangle || true

# This kernel has no nftables for ip and ip6: the plain names mean the legacy tools here.
mkdir /run/bin
for tool in iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore; do
    ln -s "$(command -v "$(echo "$tool" | sed 's/tables/tables-legacy/')")" "/run/bin/$tool"
done

exec sh /run/lab/init
