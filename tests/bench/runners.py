# SPDX-License-Identifier: BSD-3-Clause
"""One transfer by pagewire or by a peer: a sample, by a fresh process, on one link and file."""

import contextlib
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from link import COMMAND_TIME_S, FAR_ADDRESS, NEAR_IF, Failed

PAGEWIRE_PORT, IPERF_PORT = 9400, 9401
CHUNK_BYTES = 64 * 1024  # of read_write, and of iperf3: -l 64K
READ_BYTES, DISK_DEPTH = 256 * 1024, 16  # of pagewire's engines, and of fio
PREPARE_TRIES = 10
GIB = 1 << 30

# testbed/channel.hpp: magic, length of the JSON text, of the octets behind it; little-endian.
FRAME = struct.Struct("<III")
FRAME_MAGIC = 0x31574750
PROTOCOL_VERSION = 2  # testbed/messages.hpp


@dataclass
class Sample:
    gbps: float
    cpu_s_per_gib: float  # of the sending (fio: reading) process
    packets_per_s: float | None = None  # of senders that are compared by the wire's octets
    packet_bytes: float | None = None  # mean, with its Ethernet header
    syscalls_per_mib: float | None = None  # of watched transfers

    @classmethod
    def of(cls, num_bytes, seconds, cpu_s):
        return cls(num_bytes * 8 / seconds / 1e9, cpu_s * GIB / num_bytes)


class SinkControl:
    """A control connection to pagewire's sink: how a foreign sender gets it to receive."""

    def __enter__(self):
        address = (FAR_ADDRESS, PAGEWIRE_PORT)
        self._socket = socket.create_connection(address, timeout=COMMAND_TIME_S)
        self._stream = self._socket.makefile("rb")
        return self

    def __exit__(self, *error):
        self._stream.close()
        self._socket.close()

    def order(self, num_bytes):
        """Orders one unverified stream; returns the TCP port that the sink listens on for it."""
        order = {
            # Network byte order, as an integer of this machine.
            "ipv4": int.from_bytes(socket.inet_aton(FAR_ADDRESS), sys.byteorder),
            "port": 0,
            "length": num_bytes,
            "flow": 1,
            "num_flows": 1,
            "mtu": 1500,  # sizes the buffers of a UDP receiver only
            "interface": "",  # for receivers below the IP layer only
        }
        body = {"type": "receive", "version": PROTOCOL_VERSION, "order": order}
        text = json.dumps(body | {"wire": "tcp", "receiver": "tcp", "verify": False}).encode()
        self._socket.sendall(FRAME.pack(FRAME_MAGIC, len(text), 0) + text)
        return self.hear("ready")["port"]

    def hear(self, kind):
        header = self._stream.read(FRAME.size)
        if len(header) < FRAME.size:
            raise Failed("the sink closed its control connection")
        magic, num_text, num_octets = FRAME.unpack(header)
        if magic != FRAME_MAGIC:
            raise Failed("the sink speaks another protocol")
        body = json.loads(self._stream.read(num_text))
        self._stream.read(num_octets)
        if body["type"] != kind:
            raise Failed(f"the sink says '{body['type']}' where '{kind}' was due: {body}")
        return body


class Runners:
    """What takes samples. The sink, too, is started here, once."""

    def __init__(self, link, pagewire, path, layout="auto"):
        self._link = link
        self._layout = layout
        self._pagewire = pagewire
        self._path = path
        self._size = os.stat(path).st_size
        self._exit = contextlib.ExitStack()
        self._programs = {}

    def __enter__(self):
        self._file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        self._exit.callback(os.close, self._file)
        argv = [self._pagewire, "sink", "--listen", f"{FAR_ADDRESS}:{PAGEWIRE_PORT}"]
        self._link.start_listener(argv, PAGEWIRE_PORT, stderr=subprocess.DEVNULL)
        return self

    def __exit__(self, *error):
        self._exit.close()

    def build(self, name):
        """Once built, the program has no name: it goes with this process, however that ends."""
        source = str(Path(__file__).with_name(f"{name}.c"))
        folder = tempfile.mkdtemp(prefix="pagewire-bench-")
        try:
            program = os.path.join(folder, name)
            self._link.run(["cc", "-O2", "-o", program, source])
            self._programs[name] = os.open(program, os.O_RDONLY)
            self._exit.callback(os.close, self._programs[name])
        finally:
            shutil.rmtree(folder)

    def built(self, name, *words):
        """Words of a command, and what Popen needs to find the program."""
        program = self._programs[name]
        return [f"/proc/self/fd/{program}", *map(str, words)], {"pass_fds": [program]}

    # pagewire

    def pagewire(self, method, cache, **how):
        """A sample by goodput."""
        row = self.run_pagewire(method, cache, **how)
        return Sample(
            row["goodput_gbps"]["samples"][0],
            row["cpu_s_per_gib"]["worker"],
            syscalls_per_mib=row["ledger"]["syscalls_per_mib"],
        )

    def run_pagewire(
        self, method, cache, *, verify=True, source="disk", ledger="off", rate=None,
        lab="host",
    ):
        """The document's row of one transfer."""
        argv = [self._pagewire, "run", "--lab", lab, "--file", self._path]
        if lab == "host":
            argv += ["--if", NEAR_IF, "--peer", f"{FAR_ADDRESS}:{PAGEWIRE_PORT}"]
        else:
            argv += ["--mtu", str(self._link.mtu)]
        argv += ["--methods", method, "--cache", cache, "--rounds", "1", "--no-ceilings"]
        argv += ["--chunk", str(CHUNK_BYTES), "--source", source, "--json", "-"]
        argv += ["--layout", self._layout]
        argv += ["--ledger", ledger]
        argv += [] if verify else ["--no-verify"]
        argv += [] if rate is None else ["--rate", rate]
        self._load_file()
        # Not pinned: it pins its worker itself, to the CPU that the peers' senders get here.
        output = self._link.run(argv, good_codes=(0, 1))
        row = json.loads(output)["rows"][0]
        if row["status"] != "ok":
            raise Failed(f"pagewire run: {row['reason']}")
        if ledger != "off" and row["ledger"]["syscalls"] is None:
            raise Failed(f"pagewire run: {row['ledger']['evidence']['syscalls_per_mib']}")
        if row["integrity"]["verified"] != (verify and method != "null"):
            raise Failed(f"pagewire run: the integrity is {row['integrity']}")
        return row

    # iperf3

    def iperf3(self, cache):
        self._prepare(cache)
        argv = ["iperf3", "-p", str(IPERF_PORT)]
        server = self._link.start_listener(
            argv + ["-s", "-1"], IPERF_PORT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        argv += ["-c", FAR_ADDRESS, "-F", self._path, "-l", str(CHUNK_BYTES), "-J"]
        argv += ["-t", str(COMMAND_TIME_S)]  # the file's end ends it, not the clock
        try:
            output = self._link.run(argv, cpu=self._link.sender_cpu, good_codes=(0, 1))
        finally:
            self._link.end(server)
        document = json.loads(output)
        if "error" in document:
            raise Failed(f"iperf3: {document['error']}")
        end = document["end"]
        sent, received = end["sum_sent"], end["sum_received"]
        if sent["bytes"] != self._size:
            raise Failed(f"iperf3 sent {sent['bytes']} of {self._size} bytes")
        # Its CPU share begins behind connecting, as its clocks do; rusage would have its start-up
        # in it, 5 ms that pagewire's window has not.
        cpu_s = end["cpu_utilization_percent"]["host_total"] / 100 * sent["seconds"]
        sample = Sample.of(self._size, sent["seconds"], cpu_s)
        # The sender's clock stops when the last byte is in the socket, the receiver's when it
        # hears of that: in doubt for the peer.
        sample.gbps = max(sample.gbps, received["bytes"] * 8 / received["seconds"] / 1e9)
        return sample

    # sendfile(2) in a loop, into pagewire's own sink

    def sendfile_loop(self, cache):
        self._prepare(cache)
        with SinkControl() as sink:
            port = sink.order(self._size)
            argv, popen = self.built("sendfile_loop", FAR_ADDRESS, port, self._path)
            output = self._link.run(argv, cpu=self._link.sender_cpu, **popen)
            received = sink.hear("received")
        if received["error"] or received["report"]["bytes_received"] != self._size:
            raise Failed(f"the sink says: {received}")
        figures = json.loads(output)
        return Sample.of(self._size, figures["elapsed_s"], figures["cpu_s"])

    # fio

    def fio(self):
        self._prepare("cold")
        argv = ["fio", "--name=read", "--filename=" + self._path.replace(":", r"\:"), "--readonly"]
        argv += ["--ioengine=io_uring", "--direct=1", "--rw=read", f"--bs={READ_BYTES}"]
        argv += [f"--iodepth={DISK_DEPTH}", "--fixedbufs=1", "--registerfiles=1"]
        argv += ["--thread", "--output-format=json"]
        # Huge pages for its buffers, where the kernel has them: one segment a read for the disk's
        # queue in place of one a page, which some disks deliver twice as fast.
        argv += ["--mem_align=2M"]
        env = os.environ | {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
        job = json.loads(self._link.run(argv, cpu=self._link.sender_cpu, env=env))["jobs"][0]
        num_read = job["read"]["io_bytes"]
        # It leaves out a last, shorter read.
        if job["error"] != 0 or num_read + READ_BYTES <= self._size:
            raise Failed(f"fio read {num_read} of {self._size} bytes, error {job['error']}")
        cpu_s = (job["usr_cpu"] + job["sys_cpu"]) / 100 * job["job_runtime"] / 1000
        return Sample.of(num_read, job["read"]["runtime"] / 1000, cpu_s)

    # The file before a transfer, alike for pagewire and peers: dropped and read in the same pieces,
    # so that the page cache holds it in the same folios however the transfer before has read it,
    # and the disk (its caches, its rate limit) has delivered it once; then, for a cold transfer,
    # dropped again. The last step pagewire does for itself, after taking its digests from the
    # cache (core/source_file.hpp).

    def _prepare(self, cache):
        self._load_file()
        if cache == "cold":
            self._drop_file()

    def _load_file(self):
        num_pages = -(-self._size // os.sysconf("SC_PAGESIZE"))
        self._drop_file()
        for _ in range(PREPARE_TRIES):
            self._read_file()
            if self._num_cached() == num_pages:
                return
        raise Failed(f"{self._num_cached()} of {num_pages} pages of the file fit the page cache")

    def _drop_file(self):
        os.fdatasync(self._file)  # dirty pages cannot be dropped
        for _ in range(PREPARE_TRIES):
            self._link.stir_cpus()
            os.posix_fadvise(self._file, 0, 0, os.POSIX_FADV_DONTNEED)
            if self._num_cached() == 0:
                return
            time.sleep(0.01)
        raise Failed(
            f"{self._num_cached()} pages of the file stay in the page cache: another process uses "
            "them, or the file system keeps its files in memory"
        )

    def _read_file(self):
        buffer = bytearray(READ_BYTES)
        offset = 0
        while offset < self._size:
            got = os.preadv(self._file, [buffer], offset)
            if got == 0:
                raise Failed(f"{self._path}: has become shorter")
            offset += got

    def _num_cached(self):
        argv = ["fincore", "--bytes", "--noheadings", "--output", "PAGES", self._path]
        return int(self._link.run(argv))
