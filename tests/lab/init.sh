#!/bin/sh
# The guest's first process once its root is there: the host's files, with every write in memory, and /run/lab shared.

set -e
mkdir -p /dev/pts /dev/shm
mount -t devpts -o ptmxmode=666,mode=620 devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mkdir -p /run/bin /run/lock
mkdir -m 700 /run/home
mkdir -m 1777 /run/tmp
set +e

hostname lab
# The host's own lvstui is none of this guest's business; the overlay keeps what is removed here on the host.
rm -rf /etc/lvstui /var/lib/lvstui
cut -d: -f6 /etc/passwd | while read -r home; do
    rm -rf "$home/.config/lvstui" "$home/.local/state/lvstui" "$home/.local/share/lvstui" "$home/.cache/lvstui"
done
ip link set lo up
modprobe -a ipv6 ip_vs ip_vs_rr ip_vs_wrr ip_vs_lc ip_vs_wlc ip_vs_lblc ip_vs_lblcr ip_vs_dh ip_vs_sh ip_vs_sed \
    ip_vs_nq ip_vs_fo ip_vs_ovf ip_vs_mh ip_vs_ftp ip_vs_pe_sip dummy veth bridge

# Sets checkout, terminal (its size, or nothing) and the devices for the program's output (or the user's terminal), its
# errors and the host's orders, and exports the environment; the command itself is /run/lab/command.
. /run/lab/settings

power_off() {
    echo o > /proc/sysrq-trigger
    sleep 60
}

# An order is a new window size; when the host's side is gone, nobody waits for this guest any more.
[ "$orders" ] && {
    while read -r rows columns; do
        stty rows "$rows" cols "$columns" < "$output"
    done < "$orders"
    power_off
} &

cd "$checkout" || exit
: > /run/lab/started
if [ "$terminal" ]; then
    # shellcheck disable=SC2086 # several words
    stty $terminal < "$output"
    setsid -c -w sh /run/lab/command < "$output" > "$output" 2>&1
    status=$?
else
    # The command sees no terminal, and its bytes pass unchanged.
    exec 3> "$output" 4> "$errors"
    if [ -t 3 ]; then
        stty raw -echo <&3
        stty raw -echo <&4
    fi
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
