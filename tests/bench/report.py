# SPDX-License-Identifier: BSD-3-Clause
"""Ratios of series that were sampled in the same rounds, and their tables."""

from dataclasses import dataclass
from statistics import median


@dataclass
class Pair:
    """Ours against a peer; against the slower of several, where ours cannot be faster than either."""

    title: str
    ours: str
    peers: list


def compare(pair, samples):
    """`samples`: for each round, series name -> Sample; a failed sample is missing. None: no whole round."""
    rounds = [r for r in samples if all(name in r for name in [pair.ours, *pair.peers])]
    if not rounds:
        return None

    def median_of(name, figure):
        return median(getattr(r[name], figure) for r in rounds)

    peer = min(pair.peers, key=lambda name: median_of(name, "gbps"))
    ratios = [r[pair.ours].gbps / min(r[name].gbps for name in pair.peers) for r in rounds]
    ours_gbps, peer_gbps = median_of(pair.ours, "gbps"), median_of(peer, "gbps")
    ours_cpu, peer_cpu = median_of(pair.ours, "cpu_s_per_gib"), median_of(peer, "cpu_s_per_gib")
    return {"title": pair.title, "ours": pair.ours, "peer": peer, "rounds": len(rounds),
            "ours_gbps": ours_gbps, "peer_gbps": peer_gbps, "ratio": ours_gbps / peer_gbps,
            "ratio_min": min(ratios), "ratio_max": max(ratios),
            "ours_cpu_s_per_gib": ours_cpu, "peer_cpu_s_per_gib": peer_cpu,
            "cpu_ratio": ours_cpu / peer_cpu if peer_cpu > 0 else None}


def table(headings, rows):
    """Aligned columns: the first to the left, the others to the right."""
    widths = [max(len(row[i]) for row in [headings, *rows]) for i in range(len(headings))]
    lines = []
    for row in [headings, *rows]:
        cells = [row[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def ratio_table(ratios):
    rows = []
    for r in ratios:
        cpu_ratio = "-" if r["cpu_ratio"] is None else f"{r['cpu_ratio']:.2f}"
        rows.append([r["title"], f"{r['ours_gbps']:.2f}", f"{r['peer_gbps']:.2f}", f"{r['ratio']:.2f}",
                     f"{r['ratio_min']:.2f}..{r['ratio_max']:.2f}",
                     f"{r['ours_cpu_s_per_gib']:.3f}", f"{r['peer_cpu_s_per_gib']:.3f}", cpu_ratio])
    return table(["", "Gb/s", "peer's", "ratio", "min..max", "CPU s/GiB", "peer's", "ratio"], rows)


def series_table(names, samples):
    rows = []
    for name in names:
        gbps = [r[name].gbps for r in samples if name in r]
        cpu = [r[name].cpu_s_per_gib for r in samples if name in r]
        if gbps:
            rows.append([name, str(len(gbps)), f"{median(gbps):.2f}", f"{min(gbps):.2f}..{max(gbps):.2f}",
                         f"{median(cpu):.3f}"])
    return table(["", "samples", "Gb/s", "min..max", "CPU s/GiB"], rows)
