# SPDX-License-Identifier: BSD-3-Clause
"""dpdk over virtio-user to pagewire's software NIC, beside dpdk-testpmd over the same to its own.

Both receivers read all that the descriptors point to: pagewire's copies the payload out
(unverified), testpmd's net_vhost copies each packet into an mbuf.
"""

import os
import re
import select
import subprocess
import tempfile
import time

from link import COMMAND_TIME_S, Failed
from runners import Sample
from wire import CLOCK_TICKS, HEADER_BYTES, WireRunners

SEGMENT_BYTES = 4096  # of a packet's payload, the last may be shorter
MBUF_BYTES = SEGMENT_BYTES + 256  # testpmd's, with its headroom of 128
RING_ENTRIES = 2048  # of pagewire's plan
WARM_S, WINDOW_S = 0.5, 1.0


class VhostRunners:
    """What takes the samples; its processes need no link."""

    def __init__(self, link, runners):
        self._link = link
        self._runners = runners
        self._payload_bytes = None  # mean, of pagewire's own packets

    def pagewire(self, cache="cold", **how):
        row = self._runners.run_pagewire("dpdk", cache, lab="veth", **how)
        transfer = row["transfers"][0]
        if row["zero_copy"]["observed"] != "zero-copy":
            raise Failed(f"pagewire run: dpdk is {row['zero_copy']['observed']} here")
        self._payload_bytes = round(transfer["bytes_sent"] / transfer["counters"]["packets"])
        calls = row["ledger"]["syscalls"]
        if calls is not None:  # outside of the disk reader
            mib = transfer["bytes_sent"] / (1 << 20)
            calls = sum(n for name, n in calls.items() if name != "io_uring_enter") / mib
        return Sample(
            row["goodput_gbps"]["samples"][0],
            row["cpu_s_per_gib"]["worker"],
            syscalls_per_mib=calls,
        )

    def testpmd(self, *, all_memory=False):
        """A window of the steady state, by what the receiving testpmd has counted.

        As it comes, the sender fills few buffers again and again; without its mempool's cache, all
        in turn (wire.py).
        """
        if self._payload_bytes is None:
            self.pagewire(source="memory", verify=False)
        with tempfile.TemporaryDirectory(prefix="pagewire-bench-") as folder:
            path = os.path.join(folder, "vhost.sock")
            receiver = self._start(self._receiver_command(path), folder, subprocess.PIPE)
            try:
                self._say(receiver, "start")
                self._await_socket(receiver, path)
                sender = self._start(self._sender_command(path, all_memory), folder)
                try:
                    self._say(sender, "start")
                    self._await_packets(receiver, sender)
                    time.sleep(WARM_S)
                    begun = self._look(receiver, sender)
                    time.sleep(WINDOW_S)
                    ended = self._look(receiver, sender)
                finally:
                    self._link.end(sender)
            finally:
                self._link.end(receiver)
        packets, seconds, cpu_s = (ended[i] - begun[i] for i in range(3))
        if packets <= 0:
            raise Failed("dpdk-testpmd: no packet arrived by virtio-user any more")
        sample = Sample.of(packets * self._payload_bytes, seconds, cpu_s)
        sample.packets_per_s = packets / seconds
        sample.packet_bytes = self._payload_bytes + HEADER_BYTES
        return sample

    def _start(self, argv, folder, stdout=subprocess.DEVNULL):
        return self._link.start(
            argv, stdin=subprocess.PIPE, stdout=stdout, stderr=subprocess.STDOUT,
            env=os.environ | {"RUNTIME_DIRECTORY": folder},
        )

    @staticmethod
    def _say(process, words):
        process.stdin.write(words + "\n")
        process.stdin.flush()

    @staticmethod
    def _await_socket(receiver, path):
        deadline = time.monotonic() + COMMAND_TIME_S
        while not os.path.exists(path):
            if receiver.poll() is not None or time.monotonic() > deadline:
                raise Failed("dpdk-testpmd: makes no vhost socket")
            time.sleep(0.02)

    def _await_packets(self, receiver, sender):
        deadline = time.monotonic() + COMMAND_TIME_S
        while self._look(receiver, sender)[0] == 0:
            if sender.poll() is not None or time.monotonic() > deadline:
                raise Failed("dpdk-testpmd: no packet arrives by virtio-user")
            time.sleep(0.02)

    def _look(self, receiver, sender):
        """Packets that the receiver has had, when, and the sender's CPU seconds until then."""
        self._say(receiver, "show port stats 0")
        deadline = time.monotonic() + COMMAND_TIME_S
        text = ""
        while select.select([receiver.stdout], [], [], deadline - time.monotonic())[0]:
            words = os.read(receiver.stdout.fileno(), 65536)
            if not words:
                raise Failed("dpdk-testpmd: the receiver has ended")
            text += words.decode(errors="replace")
            if found := re.search(r"RX-packets: (\d+)\s", text):
                return int(found[1]), time.monotonic(), WireRunners.cpu_s(sender)
        raise Failed("dpdk-testpmd: shows no statistics")

    def _command(self, lcores, vdev, driver, prefix):
        argv = ["stdbuf", "-oL", "dpdk-testpmd"]  # lines as it writes them
        argv += ["--no-huge", "--no-shconf", "--no-pci", "--no-telemetry"]
        argv += ["-m", "256", "--lcores", lcores, "--main-lcore", "0", f"--file-prefix={prefix}"]
        argv += ["-d", driver, "-d", "librte_mempool_ring.so", f"--vdev={vdev}", "--", "-i"]
        argv += ["--nb-cores=1", "--burst=64", "--no-mlockall", "--total-num-mbufs=4096"]
        return argv + [f"--mbuf-size={MBUF_BYTES}"]

    def _receiver_command(self, path):
        # Its main lcore waits for words, on the sending CPU's other side.
        cpu = self._link.receiver_cpu
        argv = self._command(f"0@{cpu},1@{cpu}", f"net_vhost0,iface={path},queues=1",
                             "librte_net_vhost.so", "pwb-rx")
        return argv + ["--forward-mode=rxonly", f"--rxd={RING_ENTRIES}", f"--txd={RING_ENTRIES}"]

    def _sender_command(self, path, all_memory):
        lcores = f"0@{self._link.receiver_cpu},1@{self._link.sender_cpu}"
        vdev = f"net_virtio_user0,path={path},queues=1,queue_size={RING_ENTRIES}"
        argv = self._command(lcores, vdev, "librte_net_virtio.so", "pwb-tx")
        segments = [HEADER_BYTES]
        left = self._payload_bytes
        while left > 0:
            segments.append(min(left, SEGMENT_BYTES))
            left -= segments[-1]
        argv += ["--forward-mode=txonly", "--txpkts=" + ",".join(map(str, segments))]
        argv += ["--mbcache=0"] if all_memory else []
        # TX_OFFLOAD_MULTI_SEGS
        return argv + ["--tx-offloads=0x8000", f"--rxd={RING_ENTRIES}", f"--txd={RING_ENTRIES}"]
