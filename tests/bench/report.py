# SPDX-License-Identifier: BSD-3-Clause
"""Ratios of series that were sampled in the same rounds, and their tables."""

from dataclasses import dataclass
from statistics import median


@dataclass
class Pair:
    """Ours against a peer; against the slower of several, where none of them can be exceeded."""

    title: str
    ours: str
    peers: list


def compare(pair, samples):
    """The ratios of a pair; None where no round has all of its samples.

    `samples` has for each round a dictionary of series name -> Sample; a failed one is missing.
    """
    rounds = [r for r in samples if all(name in r for name in [pair.ours, *pair.peers])]
    if not rounds:
        return None

    def median_of(name, figure):
        return median(getattr(r[name], figure) for r in rounds)

    peer = min(pair.peers, key=lambda name: median_of(name, "gbps"))
    ratios = [r[pair.ours].gbps / min(r[name].gbps for name in pair.peers) for r in rounds]
    ours_gbps, peer_gbps = median_of(pair.ours, "gbps"), median_of(peer, "gbps")
    ours_cpu, peer_cpu = median_of(pair.ours, "cpu_s_per_gib"), median_of(peer, "cpu_s_per_gib")
    return {
        "title": pair.title,
        "ours": pair.ours,
        "peer": peer,
        "num_rounds": len(rounds),
        "ours_gbps": ours_gbps,
        "peer_gbps": peer_gbps,
        "ratio": ours_gbps / peer_gbps,
        "ratio_min": min(ratios),
        "ratio_max": max(ratios),
        "ours_cpu_s_per_gib": ours_cpu,
        "peer_cpu_s_per_gib": peer_cpu,
        "cpu_ratio": ours_cpu / peer_cpu if peer_cpu > 0 else None,
    }


def calls(samples):
    """System calls for each MiB of the series that were watched: name -> median."""
    figures = {}
    for r in samples:
        for name, sample in r.items():
            if sample.syscalls_per_mib is not None:
                figures.setdefault(name, []).append(sample.syscalls_per_mib)
    return {name: median(values) for name, values in sorted(figures.items())}


def calls_table(medians):
    most = max(medians.values())
    rows = [["", "calls/MiB", "fewer than the most"]]
    for name, value in medians.items():
        rows.append([name, f"{value:.3f}", f"{most / value:.1f} x" if value > 0 else "-"])
    return table(rows)


def table(rows):
    """Aligned columns: the first to the left, the others to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for first, *others in rows:
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:])]
        lines.append("  ".join([first.ljust(widths[0]), *cells]).rstrip())
    return "\n".join(lines)


def ratio_table(ratios):
    rows = [["", "Gb/s", "peer's", "ratio", "min..max", "CPU s/GiB", "peer's", "ratio"]]
    for r in ratios:
        goodput = [f"{r['ours_gbps']:.2f}", f"{r['peer_gbps']:.2f}", f"{r['ratio']:.2f}"]
        spread = f"{r['ratio_min']:.2f}..{r['ratio_max']:.2f}"
        cpu = [f"{r['ours_cpu_s_per_gib']:.3f}", f"{r['peer_cpu_s_per_gib']:.3f}"]
        cpu_ratio = "-" if r["cpu_ratio"] is None else f"{r['cpu_ratio']:.2f}"
        rows.append([r["title"], *goodput, spread, *cpu, cpu_ratio])
    return table(rows)


def series_table(names, samples):
    rows = [["", "samples", "Gb/s", "min..max", "CPU s/GiB", "kpps", "B/packet"]]
    for name in names:
        taken = [r[name] for r in samples if name in r]
        if not taken:
            continue
        gbps = [sample.gbps for sample in taken]
        cpu = median(sample.cpu_s_per_gib for sample in taken)
        spread = f"{min(gbps):.2f}..{max(gbps):.2f}"
        row = [name, str(len(taken)), f"{median(gbps):.2f}", spread, f"{cpu:.3f}"]
        if taken[0].packets_per_s is None:
            row += ["", ""]
        else:
            row.append(f"{median(s.packets_per_s for s in taken) / 1e3:.1f}")
            row.append(f"{median(s.packet_bytes for s in taken):.0f}")
        rows.append(row)
    return table(rows)
