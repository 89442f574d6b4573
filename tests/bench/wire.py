# SPDX-License-Identifier: BSD-3-Clause
"""Senders of packets from memory, compared by what the far end's device has counted.

pagewire's af_xdp beside senders that nobody acknowledges: dpdk-testpmd and xsk_loop.c.
"""

import contextlib
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

from link import COMMAND_TIME_S, FAR_ADDRESS, NEAR_ADDRESS, NEAR_IF, Failed
from runners import GIB, Sample

DRAIN_PORT = 9402
UMEM_BYTES = 8 << 20  # of pagewire's plan, and of xsk_loop.c
ETHERNET_BYTES = 14
HEADER_BYTES = 66  # dataplane/packet_header.hpp: Ethernet, IPv4, UDP, FlowHeader
# A rate above any wire's: open loop, the sender never waits for credit.
OPEN_LOOP = "1000Gb/s"

# Packets of one mbuf, each a chunk of the UMEM (drivers/net/af_xdp: max_mtu, a page less its
# headers); its transmit function ignores the further segments of a longer one.
TESTPMD_MTU_MAX = 3498
TESTPMD_MBUF_BYTES = 3712
TESTPMD_NUM_MBUFS = 4096  # of 4 KiB: UMEM_BYTES, and as many again that its fill ring holds
TESTPMD_WARM_S, TESTPMD_WINDOW_S = 0.5, 0.5
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


class WireRunners:
    """What takes the samples of one link."""

    def __init__(self, link, runners):
        self._link = link
        self._runners = runners
        self._packet = None  # packets and mean payload bytes of pagewire's own transfer
        for name in ("xsk_loop", "udp_drain"):
            runners.build(name)

    def pagewire(self, *, open_loop=False):
        """A sample of af_xdp from memory by the octets that the far end's device has counted."""
        before = self._link.arrived()
        how = {"rate": OPEN_LOOP} if open_loop else {}
        row = self._runners.run_pagewire("af_xdp", "cold", source="memory", verify=False, **how)
        after = self._link.arrived()
        transfer = row["transfers"][0]
        num_packets, num_bytes = transfer["counters"]["packets"], transfer["bytes_sent"]
        self._packet = (num_packets, round(num_bytes / num_packets))
        wire_bytes = num_bytes + num_packets * HEADER_BYTES
        self._check_arrival(before, after, num_packets, wire_bytes)
        # Without the time in which an open loop's receiver waited for what it had lost.
        seconds = transfer["elapsed_s"] - transfer["quiet_s"]
        cpu_s = row["cpu_s_per_gib"]["worker"] * num_bytes / GIB
        return self._sample(num_packets, wire_bytes, seconds, cpu_s)

    @staticmethod
    def _check_arrival(before, after, num_packets, num_bytes):
        # The link carries the sink's control connection too: more than was sent is no
        # contradiction.
        if after[0] - before[0] < num_packets or after[1] - before[1] < num_bytes:
            raise Failed(
                f"{after[0] - before[0]} of {num_packets} packets arrived at the far end's device"
            )

    @staticmethod
    def _sample(num_packets, num_bytes, seconds, cpu_s):
        sample = Sample.of(num_bytes, seconds, cpu_s)
        sample.packets_per_s = num_packets / seconds
        sample.packet_bytes = num_bytes / num_packets
        return sample

    def _own_packet(self):
        """Number and mean payload of pagewire's packets: its own figures, once it has run."""
        if self._packet is None:
            self.pagewire()
        return self._packet

    # Senders that nobody acknowledges, to a receiver that reads and counts nothing

    @contextlib.contextmanager
    def _drain(self):
        argv, popen = self._runners.built("udp_drain", DRAIN_PORT)
        drain = self._link.start(
            argv, cpu=self._link.receiver_cpu, far=True, stdout=subprocess.PIPE, **popen
        )
        try:
            if drain.stdout.readline() != "ready\n":
                raise Failed("udp_drain: did not begin")
            yield
        finally:
            self._link.end(drain)

    def xsk_loop(self, layout):
        num_packets, payload_bytes = self._own_packet()
        argv, popen = self._runners.built(
            "xsk_loop", layout, NEAR_IF, self._link.far_mac(), NEAR_ADDRESS, FAR_ADDRESS,
            DRAIN_PORT, payload_bytes, num_packets, UMEM_BYTES,
        )
        with self._drain():
            before = self._link.arrived()
            output = self._link.run(argv, cpu=self._link.sender_cpu, **popen)
            after = self._link.arrived()
        f = json.loads(output)
        self._check_arrival(before, after, f["packets"], f["bytes"])
        return self._sample(f["packets"], f["bytes"], f["elapsed_s"], f["cpu_s"])

    def testpmd(self, *, all_memory=False):
        """Samples a window of its steady state at the far end: it has no end of its own.

        As it comes, it sends the few buffers again and again that its lcore's mempool cache holds,
        last in first out; without that cache, all of its memory in turn.
        """
        _, payload_bytes = self._own_packet()
        with self._drain(), tempfile.TemporaryDirectory(prefix="pagewire-bench-") as folder:
            stdin, words = os.pipe()  # it ends when its input does
            testpmd = self._link.start(
                self._testpmd_command(payload_bytes, all_memory),
                stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                env=os.environ | {"RUNTIME_DIRECTORY": folder},
            )
            os.close(stdin)
            try:
                self._await_packets(testpmd)
                time.sleep(TESTPMD_WARM_S)
                begun = time.monotonic(), self.cpu_s(testpmd), self._link.arrived()
                time.sleep(TESTPMD_WINDOW_S)
                ended = time.monotonic(), self.cpu_s(testpmd), self._link.arrived()
            finally:
                os.close(words)
                self._link.end(testpmd)
        packets, octets = (ended[2][i] - begun[2][i] for i in (0, 1))
        # A packet of the kernel's own (a multicast report) may be among them.
        expected = packets * (payload_bytes + HEADER_BYTES)
        if packets == 0 or abs(octets - expected) > expected / 1000:
            raise Failed(f"dpdk-testpmd: {octets} bytes in {packets} packets arrived")
        return self._sample(packets, octets, ended[0] - begun[0], ended[1] - begun[1])

    def _testpmd_command(self, payload_bytes, all_memory):
        # One lcore waits for words, on the receiver's CPU, where it costs nothing; one sends.
        lcores = f"{self._link.receiver_cpu},{self._link.sender_cpu}"
        argv = ["dpdk-testpmd", "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry"]
        argv += ["-m", "128", "-l", lcores, "--main-lcore", str(self._link.receiver_cpu)]
        argv += ["-d", "librte_net_af_xdp.so", "-d", "librte_mempool_ring.so"]
        argv += [f"--vdev=net_af_xdp0,iface={NEAR_IF},force_copy=1", "--"]
        argv += ["--forward-mode=txonly", "--auto-start", "--nb-cores=1", "--burst=64"]
        # It measures the packet by the mbuf as it reads: the mbuf comes first.
        argv += [f"--mbuf-size={TESTPMD_MBUF_BYTES}", f"--total-num-mbufs={TESTPMD_NUM_MBUFS}"]
        argv += [f"--txpkts={payload_bytes + HEADER_BYTES}", "--txd=2048", "--rxd=2048"]
        argv += ["--mbcache=0"] if all_memory else []
        argv += [f"--eth-peer=0,{self._link.far_mac()}", "--no-mlockall"]
        argv += [f"--tx-ip={NEAR_ADDRESS},{FAR_ADDRESS}", f"--tx-udp={DRAIN_PORT}"]
        return argv + [f"--max-pkt-len={self._link.mtu + ETHERNET_BYTES + 4}"]

    def _await_packets(self, testpmd):
        first, deadline = self._link.arrived(), time.monotonic() + COMMAND_TIME_S
        while self._link.arrived()[0] < first[0] + 1000:
            if testpmd.poll() is not None:
                last_line = (testpmd.stdout.read().strip() or "no word").splitlines()[-1]
                raise Failed(f"dpdk-testpmd ended with code {testpmd.returncode}: {last_line}")
            if time.monotonic() > deadline:
                raise Failed("dpdk-testpmd: sends nothing")
            time.sleep(0.02)

    @staticmethod
    def cpu_s(process):
        stat = Path(f"/proc/{process.pid}/stat").read_text(encoding="ascii")
        user, system = stat.rpartition(")")[2].split()[11:13]  # proc(5): utime, stime
        return (int(user) + int(system)) / CLOCK_TICKS
