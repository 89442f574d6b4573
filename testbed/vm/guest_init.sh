#!/bin/busybox sh
# The first process of the guest (initramfs.hpp says what lies beside it). It makes the host's root its own, read-only under
# a file system in memory, loads the drivers of whatever the machine has, runs the job, and tells its exit code. The host
# ends the machine then: nothing here has to be put in order.
#
# Stage 1 is /init of the initramfs; stage 2 is the same file with the root changed.
export PATH=/pagewire/bin:/usr/sbin:/usr/bin:/sbin:/bin

# A line on the kernel's console: the host shows its last lines where the guest dies.
say() { echo "<3>pagewire: $*" >/dev/kmsg; }

# The end of the machine without an exit code: what could not be set up is the lab's failure, not the job's.
give_up() {
  say "$*"
  sleep 0.2
  echo b >/proc/sysrq-trigger
  sleep 60
}

stage_1() {
  # The programs of the initramfs' BusyBox by their names, whether or not its shell has them built in.
  /bin/busybox --install -s /bin
  mkdir -p /proc /sys /dev /host /over /new
  mount -t proc proc /proc
  mount -t sysfs sys /sys
  mount -t devtmpfs dev /dev
  for module in $(cat /pagewire/modules/order); do
    insmod "/pagewire/modules/$module" || give_up "insmod $module failed"
  done
  mount -t 9p -o ro,trans=virtio,version=9p2000.L,cache=loose,msize=512000 host /host || give_up "no 9p share of the host's root"
  mount -t tmpfs -o mode=755 over /over
  mkdir /over/upper /over/work
  mount -t overlay -o lowerdir=/host,upperdir=/over/upper,workdir=/over/work root /new || give_up "no overlay over the host's root"
  mkdir -p /new/pagewire
  mount -t tmpfs -o mode=755 pagewire /new/pagewire
  rm -r /pagewire/modules
  cp -a /pagewire/. /new/pagewire/
  cp /init /new/pagewire/init
  # What the host has mounted there is shown through the share: the guest has its own.
  mkdir -p /new/proc /new/sys /new/dev /new/run /new/tmp
  mount --move /proc /new/proc
  mount --move /sys /new/sys
  mount --move /dev /new/dev
  exec switch_root /new /pagewire/bin/busybox sh /pagewire/init stage_2
}

# The node of a virtio-serial port, by the name that the host gave it.
port() {
  for folder in /sys/class/virtio-ports/*; do
    name=
    [ ! -e "$folder/name" ] || read -r name <"$folder/name"
    if [ "$name" = "$1" ]; then
      echo "/dev/${folder##*/}"
      return
    fi
  done
}

mount_kernel_folders() {
  mount -t tmpfs -o mode=755 run /run
  mkdir -p /dev/pts /dev/shm /dev/hugepages
  mount -t devpts -o gid=5,mode=620 devpts /dev/pts
  mount -t tmpfs shm /dev/shm
  mount -t hugetlbfs hugepages /dev/hugepages
  mount -t cgroup2 cgroup /sys/fs/cgroup
  mount -t bpf bpf /sys/fs/bpf
  mount -t tracefs tracefs /sys/kernel/tracing
  mount -t debugfs debugfs /sys/kernel/debug
  ln -sf /proc/self/fd /dev/fd
  ln -sf /proc/self/fd/0 /dev/stdin
  ln -sf /proc/self/fd/1 /dev/stdout
  ln -sf /proc/self/fd/2 /dev/stderr
}

# The lab's own devices have their drivers from the initramfs. Any other NIC or disk says which it wants (modules.alias), and
# the kernel fetches what it is asked for later the same way.
load_drivers() {
  release=$(uname -r)
  mkdir -p "/lib/modules/$release"
  mount --bind "$PAGEWIRE_VM_MODULES" "/lib/modules/$release" || give_up "no modules of $release at $PAGEWIRE_VM_MODULES"
  echo /pagewire/bin/modprobe >/proc/sys/kernel/modprobe
  wanted=
  for folder in /sys/bus/pci/devices/* /sys/bus/virtio/devices/*; do
    [ ! -e "$folder/driver" ] || continue
    class=
    [ ! -e "$folder/class" ] || read -r class <"$folder/class"
    case $class in
      # PCI classes of network controllers and of NVMe; a virtio device has none.
      0x02* | 0x0108* | '')
        read -r alias <"$folder/modalias"
        wanted="$wanted $alias"
        ;;
    esac
  done
  [ -z "$wanted" ] || /pagewire/bin/modprobe -qab $wanted
}

# Ports by their hardware addresses, whatever order their drivers came in: 52:54:00:70:77:NN.
name_ports() {
  mkdir -p /pagewire/ports
  tries=0
  while [ "$(ls -d /sys/class/net/*/device 2>/dev/null | wc -l)" -lt "$PAGEWIRE_VM_PORTS" ] && [ $tries -lt 100 ]; do
    tries=$((tries + 1))
    sleep 0.1
  done
  for folder in /sys/class/net/*; do
    read -r address <"$folder/address"
    case $address in
      52:54:00:70:77:01) name=igb0 ;;
      52:54:00:70:77:02) name=igb1 ;;
      52:54:00:70:77:03) name=igb2 ;;
      52:54:00:70:77:11) name=virtio0 ;;
      52:54:00:70:77:12) name=virtio1 ;;
      *) continue ;;
    esac
    # A device that another driver had comes back with a name of the kernel's: here it keeps this one.
    ln -s "$(readlink -f "$folder/device")" /pagewire/ports/$name
    ip link set dev "${folder##*/}" name $name || say "${folder##*/} cannot be named $name"
  done
  ip link set dev lo up
}

mount_disk() {
  tries=0
  while [ ! -b /dev/nvme0n1 ] && [ $tries -lt 100 ]; do
    tries=$((tries + 1))
    sleep 0.1
  done
  mkdir -p /pagewire/disk
  mount -t ext4 /dev/nvme0n1 /pagewire/disk || say "no file system on the NVMe disk"
}

run_job() {
  mkfifo /run/job.out /run/job.err
  cat /run/job.out >"$(port pagewire.out)" &
  out=$!
  cat /run/job.err >"$(port pagewire.err)" &
  err=$!
  setsid /pagewire/bin/busybox sh /pagewire/job </dev/null >/run/job.out 2>/run/job.err
  status=$?
  # All of its output is handed over first. What the job left running may hold the pipes: that is not waited for.
  tries=0
  while kill -0 $out 2>/dev/null || kill -0 $err 2>/dev/null; do
    tries=$((tries + 1))
    [ $tries -lt 40 ] || break
    sleep 0.05
  done
  return $status
}

run_shell() {
  setsid sh -c 'exec sh /pagewire/job </dev/hvc0 >/dev/hvc0 2>&1'
}

stage_2() {
  /pagewire/bin/busybox --install -s /pagewire/bin
  . /pagewire/environment
  mount_kernel_folders
  control=$(port pagewire.control)
  [ "$control" ] || give_up "no control port"
  exec 9>"$control"
  load_drivers
  mkdir -p /pagewire/results
  if [ "$PAGEWIRE_VM_RESULTS" ]; then
    mount -t 9p -o trans=virtio,version=9p2000.L,cache=none,msize=512000 results /pagewire/results || give_up "no 9p share for results"
  fi
  name_ports
  mount_disk
  echo "ready $(uname -r)" >&9
  if [ "$PAGEWIRE_VM_SHELL" ]; then
    run_shell
  else
    run_job
  fi
  echo "exit $?" >&9
  # The host ends the machine.
  while :; do sleep 60; done
}

if [ "$1" = stage_2 ]; then
  stage_2
else
  stage_1
fi
