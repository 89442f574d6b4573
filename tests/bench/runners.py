# SPDX-License-Identifier: BSD-3-Clause
"""One transfer by pagewire or by a peer: each call is one sample, a fresh process on the same link and file."""

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

from link import COMMAND_TIME_S, FAR_ADDRESS, NEAR_IF, Failed

PAGEWIRE_PORT, IPERF_PORT = 9400, 9401
CHUNK_BYTES = 64 * 1024  # of read_write and of iperf3: -l 64K
READ_BYTES, DISK_DEPTH = 256 * 1024, 8  # of pagewire's [dataplane], make_hot(), and of fio
PREPARE_TRIES = 10
GIB = 1 << 30

# testbed/channel.hpp: magic, length of the JSON text, length of the octets behind it; little-endian.
FRAME = struct.Struct("<III")
FRAME_MAGIC = 0x31574750
PROTOCOL_VERSION = 1


@dataclass
class Sample:
    gbps: float
    cpu_s_per_gib: float  # of the sending (or reading) process


def gigabits_per_second(num_bytes, seconds):
    return num_bytes * 8 / seconds / 1e9


class SinkControl:
    """A control connection to pagewire's sink: how a foreign sender gets it to receive."""

    def __enter__(self):
        self._socket = socket.create_connection((FAR_ADDRESS, PAGEWIRE_PORT), timeout=COMMAND_TIME_S)
        self._stream = self._socket.makefile("rb")
        return self

    def __exit__(self, *error):
        self._stream.close()
        self._socket.close()

    def order(self, num_bytes):
        """Orders one unverified stream; returns the TCP port that the sink listens on for it."""
        address = int.from_bytes(socket.inet_aton(FAR_ADDRESS), sys.byteorder)  # network order, as it lies in memory
        order = {"ipv4": address, "port": 0, "length": num_bytes, "flow": 1, "mtu": 1500}
        text = json.dumps({"type": "receive", "version": PROTOCOL_VERSION, "wire": "tcp", "verify": False,
                           "order": order}).encode()
        self._socket.sendall(FRAME.pack(FRAME_MAGIC, len(text), 0) + text)
        return self.hear("ready")["port"]

    def hear(self, kind):
        magic, num_text, num_octets = FRAME.unpack(self._stream.read(FRAME.size).ljust(FRAME.size, b"\0"))
        if magic != FRAME_MAGIC:
            raise Failed("the sink closed its control connection, or speaks another protocol")
        body = json.loads(self._stream.read(num_text))
        self._stream.read(num_octets)
        if body["type"] != kind:
            raise Failed(f"the sink says '{body['type']}' where '{kind}' was due: {body}")
        return body


class Runners:
    """What takes samples. The sink, too, is started here, once."""

    def __init__(self, link, pagewire, path):
        self._link = link
        self._pagewire = pagewire
        self._path = path
        self._size = os.stat(path).st_size
        self._exit = contextlib.ExitStack()

    def __enter__(self):
        self._file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        self._exit.callback(os.close, self._file)
        self._link.start_listener([self._pagewire, "sink", "--listen", f"{FAR_ADDRESS}:{PAGEWIRE_PORT}"],
                                  PAGEWIRE_PORT, stderr=subprocess.DEVNULL)
        return self

    def __exit__(self, *error):
        self._exit.close()

    def build_sendfile_loop(self):
        """The program has no name once it is built: it goes with this process, however that ends."""
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sendfile_loop.c")
        folder = tempfile.mkdtemp(prefix="pagewire-bench-")
        try:
            program = os.path.join(folder, "sendfile_loop")
            self._link.run(["cc", "-O2", "-Wall", "-Wextra", "-o", program, source])
            self._program = os.open(program, os.O_RDONLY)
            self._exit.callback(os.close, self._program)
        finally:
            shutil.rmtree(folder)

    # pagewire

    def pagewire(self, method, cache, *, verify=True, source="disk"):
        argv = [self._pagewire, "run", "--lab", "host", "--if", NEAR_IF,
                "--peer", f"{FAR_ADDRESS}:{PAGEWIRE_PORT}", "--file", self._path, "--methods", method,
                "--cache", cache, "--rounds", "1", "--no-ceilings", "--chunk", str(CHUNK_BYTES),
                "--source", source, "--json", "-"]
        self._load_file()
        # Not pinned: it pins its worker itself, to the same CPU that the peers' senders get here.
        output = self._link.run(argv + ([] if verify else ["--no-verify"]), good_codes=(0, 1))
        row = json.loads(output)["rows"][0]
        if row["status"] != "ok":
            raise Failed(f"pagewire {method} {cache}: {row['reason']}")
        if row["integrity"]["verified"] != (verify and method != "null"):
            raise Failed(f"pagewire {method} {cache}: integrity is {row['integrity']}")
        return Sample(row["goodput_gbps"]["samples"][0], row["cpu_s_per_gib"]["worker"])

    # iperf3

    def iperf3(self, cache):
        self._prepare(cache)
        server = self._link.start_listener(["iperf3", "-s", "-1", "-p", str(IPERF_PORT)], IPERF_PORT,
                                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            # -t: the file's end ends it, not the clock.
            output = self._link.run(
                ["iperf3", "-c", FAR_ADDRESS, "-p", str(IPERF_PORT), "-F", self._path, "-l", str(CHUNK_BYTES),
                 "-t", str(COMMAND_TIME_S), "-J"], cpu=self._link.sender_cpu, good_codes=(0, 1))
        finally:
            self._link.end(server)
        document = json.loads(output)
        if "error" in document:
            raise Failed(f"iperf3: {document['error']}")
        end = document["end"]
        if end["sum_sent"]["bytes"] != self._size:
            raise Failed(f"iperf3 sent {end['sum_sent']['bytes']} of {self._size} bytes")
        # Its clocks start when the test does, behind connecting; the sender's stops when the last byte is in the
        # socket, the receiver's when it hears of that. In doubt for the peer: the higher rate.
        gbps = max(gigabits_per_second(end[side]["bytes"], end[side]["seconds"])
                   for side in ("sum_sent", "sum_received"))
        # Its CPU share likewise begins behind connecting; rusage would have its start-up in it, 5 ms that pagewire's
        # window has not.
        cpu_s = end["cpu_utilization_percent"]["host_total"] / 100 * end["sum_sent"]["seconds"]
        return Sample(gbps, cpu_s * GIB / self._size)

    # sendfile(2) in a loop, into pagewire's own sink

    def sendfile_loop(self, cache):
        self._prepare(cache)
        with SinkControl() as sink:
            port = sink.order(self._size)
            program = f"/proc/self/fd/{self._program}"
            output = self._link.run([program, FAR_ADDRESS, str(port), self._path],
                                       cpu=self._link.sender_cpu, pass_fds=[self._program])
            received = sink.hear("received")
        if received["error"] or received["report"]["bytes_received"] != self._size:
            raise Failed(f"sendfile_loop: the sink says: {received}")
        figures = json.loads(output)
        return Sample(gigabits_per_second(self._size, figures["elapsed_s"]), figures["cpu_s"] * GIB / self._size)

    # fio

    def fio(self):
        self._prepare("cold")
        output = self._link.run(
            ["fio", "--name=read", "--filename=" + self._path.replace(":", r"\:"), "--readonly",
             "--ioengine=io_uring", "--direct=1", "--rw=read", f"--bs={READ_BYTES}", f"--iodepth={DISK_DEPTH}",
             "--fixedbufs=1", "--registerfiles=1", "--thread", "--output-format=json"],
            cpu=self._link.sender_cpu)
        job = json.loads(output)["jobs"][0]
        num_read = job["read"]["io_bytes"]
        if job["error"] != 0 or num_read + READ_BYTES <= self._size:  # it leaves away a last, shorter read
            raise Failed(f"fio: read {num_read} of {self._size} bytes, error {job['error']}")
        cpu_s = (job["usr_cpu"] + job["sys_cpu"]) / 100 * job["job_runtime"] / 1000
        return Sample(gigabits_per_second(num_read, job["read"]["runtime"] / 1000), cpu_s * GIB / num_read)

    # The file before a transfer, alike for pagewire and peers: dropped and read in the same pieces, so that the page
    # cache holds it in the same folios however the transfer before has read it, and the disk (its caches, its rate
    # limit) has delivered it once; then, for a cold transfer, dropped again. The last step pagewire does for itself,
    # after taking its digests from the cache (core/source_file.hpp).

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
        raise Failed(f"{self._path}: only {self._num_cached()} of {num_pages} pages stay in the page cache")

    def _drop_file(self):
        os.fdatasync(self._file)  # dirty pages cannot be dropped
        for _ in range(PREPARE_TRIES):
            self._link.stir_cpus()
            os.posix_fadvise(self._file, 0, 0, os.POSIX_FADV_DONTNEED)
            if self._num_cached() == 0:
                return
            time.sleep(0.01)
        raise Failed(f"{self._path}: {self._num_cached()} pages stay in the page cache: another process uses them")

    def _read_file(self):
        buffer = bytearray(READ_BYTES)
        offset = 0
        while offset < self._size:
            got = os.preadv(self._file, [buffer], offset)
            if got == 0:
                raise Failed(f"{self._path}: has become shorter")
            offset += got

    def _num_cached(self):
        output = self._link.run(["fincore", "--bytes", "--noheadings", "--output", "PAGES", self._path])
        return int(output)
