# SPDX-License-Identifier: BSD-3-Clause
"""The link of the benchmark: two network namespaces joined by a veth pair, and their processes.

The namespaces have no names: they live as long as this process holds them open. Every process
that is started here dies with this one (PR_SET_PDEATHSIG). So nothing is left behind, not even
after kill -9.
"""

import ctypes
import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

NEAR_IF, FAR_IF = "pwb-near", "pwb-far"
NEAR_ADDRESS, FAR_ADDRESS = "198.18.0.1", "198.18.0.2"  # RFC 2544: reserved for benchmarks

CLONE_NEWNET = 0x40000000  # sched.h
PR_SET_PDEATHSIG = 1  # sys/prctl.h
DISCARD_PORT = 9
TCP_LISTEN = "0A"  # proc(5), /proc/PID/net/tcp

# Longest time for one command: far beyond any good one, so that a stuck peer hangs nobody.
COMMAND_TIME_S = 60

libc = ctypes.CDLL(None, use_errno=True)


class Failed(Exception):
    """A measurement could not be made: one line that says why."""


def call_libc(name, *arguments):
    if getattr(libc, name)(*arguments) != 0:
        raise Failed(f"{name}: {os.strerror(ctypes.get_errno())}: run as root")


class Link:
    """This process stays in the near namespace: what it starts is there too, or in the far one."""

    def __init__(self, mtu):
        cpus = sorted(os.sched_getaffinity(0))
        # As pagewire chooses for its own worker and sink.
        self.mtu, self.sender_cpu, self.receiver_cpu = mtu, cpus[-1], cpus[0]
        self._children = []
        call_libc("unshare", CLONE_NEWNET)
        self._far = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        call_libc("unshare", CLONE_NEWNET)
        far_end = f"name {FAR_IF} mtu {mtu} netns /proc/{os.getpid()}/fd/{self._far}"
        self._ip(f"link add {NEAR_IF} mtu {mtu} type veth peer {far_end}")
        self._ip(f"addr add {NEAR_ADDRESS}/30 dev {NEAR_IF}")
        self._ip(f"addr add {FAR_ADDRESS}/30 dev {FAR_IF}", far=True)
        self._ip(f"link set {NEAR_IF} up")
        self._ip(f"link set {FAR_IF} up", far=True)
        self._ip("link set lo up")  # for stir_cpus()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for child in list(self._children):
            self.end(child)
        os.close(self._far)

    def _ip(self, words, far=False):
        return self.run(["ip", *words.split()], far=far)

    def _far_end(self):
        return json.loads(self._ip(f"-j -s link show dev {FAR_IF}", far=True))[0]

    def far_mac(self):
        return self._far_end()["address"]

    def arrived(self):
        """Packets and bytes that the far end's device has counted, Ethernet headers included."""
        counters = self._far_end()["stats64"]["rx"]
        return counters["packets"], counters["bytes"]

    def start(self, argv, *, cpu=None, far=False, stdin=subprocess.DEVNULL, **popen):
        parent = os.getpid()

        def become():
            call_libc("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != parent:
                os._exit(127)  # it died before the line above
            if far:
                call_libc("setns", self._far, CLONE_NEWNET)
            if cpu is not None:
                os.sched_setaffinity(0, {cpu})

        child = subprocess.Popen(
            argv,
            preexec_fn=become,
            process_group=0,  # Ctrl-C is this process's to handle
            stdin=stdin,
            text=True,
            **popen,
        )
        self._children.append(child)
        return child

    def run(self, argv, *, good_codes=(0,), **start):
        """Runs a command to its end and returns its standard output."""
        child = self.start(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **start)
        try:
            output, errors = child.communicate(timeout=COMMAND_TIME_S)
        except subprocess.TimeoutExpired:
            raise Failed(f"{argv[0]}: not done within {COMMAND_TIME_S} s") from None
        finally:
            self.end(child)
        if child.returncode not in good_codes:
            last_line = (errors.strip() or output.strip() or "no word").splitlines()[-1]
            raise Failed(f"{argv[0]} ended with code {child.returncode}: {last_line}")
        return output

    def start_listener(self, argv, port, **start):
        """Starts a server in the far namespace; returns when it listens on TCP port `port`."""
        child = self.start(argv, cpu=self.receiver_cpu, far=True, **start)
        deadline = time.monotonic() + COMMAND_TIME_S
        while not self._listens(child, port):
            if child.poll() is not None:
                raise Failed(f"{argv[0]} ended with code {child.returncode} before it listened")
            if time.monotonic() > deadline:
                raise Failed(f"{argv[0]}: does not listen on port {port}")
            time.sleep(0.002)
        return child

    @staticmethod
    def _listens(child, port):
        for family in ("tcp", "tcp6"):
            try:
                table = Path(f"/proc/{child.pid}/net/{family}").read_text(encoding="ascii")
            except OSError:
                continue  # it has ended, or the kernel does without IPv6
            for entry in table.splitlines():
                local, state = entry.split()[1], entry.split()[3]
                if local.endswith(f":{port:04X}") and state == TCP_LISTEN:
                    return True
        return False

    def end(self, child):
        if child.poll() is None:
            child.kill()
        child.wait()
        for pipe in (child.stdout, child.stderr):
            if pipe is not None:
                pipe.close()
        self._children.remove(child)

    @staticmethod
    def stir_cpus():
        """Lets go of the file's pages that sent packets still hold.

        A packet freed by the receiver's CPU waits in a list of the CPU that sent it until that
        one next receives something (net/core/skbuff.c, skb_attempt_defer_free). After sendfile(2)
        it holds pages of the file, which the page cache then cannot drop. A datagram to nobody
        on each CPU empties the lists.
        """
        cpus = os.sched_getaffinity(0)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
            for cpu in cpus:
                os.sched_setaffinity(0, {cpu})
                nobody.sendto(b"", ("127.0.0.1", DISCARD_PORT))
        os.sched_setaffinity(0, cpus)
