#!/busybox sh
# The first process in the full kernel, in its initramfs. The layers of the root, each one over the next: a file system
# in memory for every write, what is unpacked for this guest only (see full.py), and the host's own files.

set -e  # a step that fails here ends this process, so the kernel stops and the log tells why
/busybox mkdir -p /bin /dev /proc /sys /run /host
/busybox --install -s /bin
mount -t devtmpfs devtmpfs /dev
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs -o mode=0755 tmpfs /run
for module in $(cat /modules/order); do
    insmod "/modules/$module"
done
mkdir /run/lab /run/root /run/upper /run/work
share="mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000"
$share,ro,cache=loose host /host
layers=
for layer in $(cat /layers); do
    mkdir "/$layer"
    $share,ro,cache=loose "$layer" "/$layer"
    layers="$layers/$layer:"
done
$share lab /run/lab
mount -t overlay overlay -o "lowerdir=$layers/host,upperdir=/run/upper,workdir=/run/work" /run/root
for folder in dev proc sys; do
    mount --move "/$folder" "/run/root/$folder"
done
mount -t tmpfs -o mode=0755 tmpfs /run/root/run
mkdir /run/root/run/lab
mount --move /run/lab /run/root/run/lab
exec switch_root /run/root /bin/sh /run/lab/init
