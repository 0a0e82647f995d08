#!/bin/sh
# The guest's first process. The host's files are the lower layer of an overlay, read-only; every write goes to memory.
# Consoles: tty0 the log, tty1 the command's output (or the user's terminal), tty2 its errors, tty3 orders from the host.

lab=${0%/*}
kernel=$(uname -r)

set -e  # a step that fails here ends this process, so the kernel stops and the log tells why
mount -t proc proc /proc
mount -t tmpfs tmpfs /run
mkdir /run/lab /run/root /run/upper /run/work
mount -t hostfs none /run/lab -o "$lab"
insmod "/usr/lib/uml/modules/$kernel/kernel/fs/overlayfs/overlay.ko"
mount -t overlay overlay -o lowerdir=/,upperdir=/run/upper,workdir=/run/work /run/root
mount --move /dev /run/root/dev
mount --move /proc /run/root/proc
mount -t sysfs sysfs /run/root/sys
mount -t tmpfs tmpfs /run/root/run
mkdir /run/root/run/lab /run/root/run/host
mount --move /run/lab /run/root/run/lab
cd /run/root
pivot_root . run/host
umount -l /run/host
mkdir -p /dev/pts /dev/shm
mount -t devpts -o ptmxmode=666,mode=620 devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mkdir -p /run/bin /run/lock
mkdir -m 700 /run/home
mkdir -m 1777 /run/tmp
set +e

# The overlay lets the modules stand where the kernel looks for them, so its own auto-loading works too.
mkdir -p /lib/modules
ln -sfn "/usr/lib/uml/modules/$kernel" "/lib/modules/$kernel"

# This kernel has no nftables for ip and ip6: the plain names mean the legacy tools here.
for tool in iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore; do
    legacy=$(command -v "$(echo "$tool" | sed 's/tables/tables-legacy/')") && ln -s "$legacy" "/run/bin/$tool"
done

hostname lab
ip link set lo up
modprobe -a ipv6 ip_vs ip_vs_rr ip_vs_wrr ip_vs_lc ip_vs_wlc ip_vs_lblc ip_vs_lblcr ip_vs_dh ip_vs_sh ip_vs_sed \
    ip_vs_nq ip_vs_fo ip_vs_ovf ip_vs_mh ip_vs_ftp ip_vs_pe_sip dummy veth bridge iptable_mangle ip6table_mangle

# Sets checkout and terminal (its size, or nothing) and exports the environment; the command itself is /run/lab/command.
. /run/lab/settings

power_off() {
    echo o > /proc/sysrq-trigger
    sleep 60
}

# An order is a new window size; when the host's side is gone, nobody waits for this guest any more.
{
    while read -r rows columns; do
        stty rows "$rows" cols "$columns" < /dev/tty1
    done < /dev/tty3
    power_off
} &

cd "$checkout" || exit
: > /run/lab/started
if [ "$terminal" ]; then
    # shellcheck disable=SC2086 # several words
    stty $terminal < /dev/tty1
    setsid -c -w sh /run/lab/command < /dev/tty1 > /dev/tty1 2>&1
    status=$?
else
    # Raw consoles behind pipes: the command sees no terminal, and its bytes pass unchanged.
    exec 3> /dev/tty1 4> /dev/tty2
    stty raw -echo <&3
    stty raw -echo <&4
    mkfifo /run/output /run/errors
    cat < /run/output >&3 &
    output=$!
    cat < /run/errors >&4 &
    errors=$!
    setsid -w sh /run/lab/command < /dev/null > /run/output 2> /run/errors 3>&- 4>&-
    status=$?
    # What the command left running may hold the pipes open for ever.
    { sleep 3; kill "$output" "$errors"; } &
    wait "$output" "$errors"
fi
echo "$status" > /run/lab/status
power_off
