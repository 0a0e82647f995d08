#!/busybox sh
# The first process in the full kernel where a fresh Debian is booted: its folder is the root, with this kernel's modules.

set -e  # a step that fails here ends this process, so the kernel stops and the log tells why
/busybox mkdir -p /bin /dev /proc /sys /new
/busybox --install -s /bin
mount -t devtmpfs devtmpfs /dev
mount -t proc proc /proc
for module in $(cat /modules/order); do
    insmod "/modules/$module"
done
share="mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose"
$share root /new
$share,ro modules /new/usr/lib/modules
mount --move /dev /new/dev
umount /proc
exec switch_root /new /sbin/init
