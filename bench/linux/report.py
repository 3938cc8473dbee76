"""Tables and chart out of what was measured."""
import os
import statistics
import subprocess

MAIN = ("memefs", "sectors", "user", "mergerfs", "bindfs", "ntfs-3g")
VARIANTS = ("private", "noxattr", "huge")
PEERS = ("mergerfs", "bindfs", "ntfs-3g")
GROUPS = (("data", "Data"), ("metadata", "Metadata"), ("trees", "Trees"))
COLOURS = {"memefs": "#1b6ca8", "sectors": "#6fb1e0", "user": "#b9d8ee", "mergerfs": "#d98e32", "bindfs": "#c4453c",
           "ntfs-3g": "#7d7d7d"}


def seconds(row, times):
    """What counts of times as they were measured: (wall, own, daemon)."""
    return [wall if row["clock"] == "wall" else own + daemon for wall, own, daemon in times]


def ratios(row, name):
    """A mount's time divided by tmpfs's, round by round; empty when it was not measured."""
    cell = row["mounts"].get(name, {})
    if "error" in cell or not cell:
        return []
    return [ours / anchor for ours, anchor in zip(seconds(row, cell["times"]), seconds(row, cell["anchors"]))]


def ratio(row, name):
    values = ratios(row, name)
    return statistics.median(values) if values else None


def time_text(seconds):
    for unit, scale in (("s", 1), ("ms", 1e3), ("µs", 1e6), ("ns", 1e9)):
        if seconds * scale >= 1:
            break
    value = seconds * scale
    return f"{value:.2f} {unit}" if value < 10 else f"{value:.1f} {unit}" if value < 100 else f"{value:.0f} {unit}"


def number(value):
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def cell_text(row, name):
    if "error" in row["mounts"].get(name, {}):
        return "fails"
    values = ratios(row, name)
    return f"{number(statistics.median(values))} ({number(min(values))}–{number(max(values))})" if values else ""


def beaten(row, ours):
    """Peers that were faster than one of our mounts, in two lists: clearly (by the median of the rounds' quotients, by
    more than 2 %, and in all rounds but one), and by the median only."""
    faster, even, our_ratios = [], [], ratios(row, ours)
    for peer in PEERS:
        quotients = [a / b for a, b in zip(ratios(row, peer), our_ratios)]
        middle = statistics.median(quotients) if quotients else 1
        if middle < 1:
            clear = middle < 0.98 and sum(q < 1 for q in quotients) >= len(quotients) - 1
            (faster if clear else even).append(f"{peer} ({number(middle)} of it)")
    return faster, even


def verdict(row, name):
    target, value = row["targets"].get(name), ratio(row, name)
    if target is None or value is None:
        return ""
    return "met" if round(value, 2) <= target else "**not met**"


def table(head, lines):
    return ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)] + ["| " + " | ".join(line) + " |" for line in lines] + [""]


def anchor_text(row):
    values = [value for cell in row["mounts"].values() for value in seconds(row, cell["anchors"])]
    return time_text(statistics.median(values)) if values else ""


def main_table(run, group):
    names = [name for name in MAIN if name in run["mounts"]]
    head = ["row", "tmpfs"] + [run["mounts"][name]["title"] for name in names]
    if "memefs" in names:
        head[3:3] = ["target", ""]
    lines = []
    for row in run["rows"]:
        if row["group"] != group or not any(name in row["mounts"] for name in names):
            continue
        line = [row["title"], anchor_text(row)] + [cell_text(row, name) for name in names]
        if "memefs" in names:
            target = row["targets"].get("memefs")
            line[3:3] = [f"≤ {target}" if target else "", verdict(row, "memefs")]
        lines.append(line)
    return table(head, lines) if lines else []


def variants(run):
    lines = []
    for row in run["rows"]:
        for name in VARIANTS:
            if name in row["mounts"]:
                target = row["targets"].get(name)
                lines.append([run["mounts"][name]["title"], row["title"], anchor_text(row), cell_text(row, name),
                              f"≤ {target}" if target else "", verdict(row, name), cell_text(row, "memefs")])
    lines.sort(key=lambda line: line[0])
    return table(["mount", "row", "tmpfs", "ratio", "target", "", "memefs, tmpfs store"], lines) if lines else []


def peers(run):
    """Rows in which a peer was faster than one of our stores."""
    lines = []
    for row in run["rows"]:
        for ours in ("memefs", "sectors"):
            faster, even = beaten(row, ours)
            if faster or even:
                lines.append([row["title"], run["mounts"][ours]["title"], ", ".join(faster), ", ".join(even)])
    if not lines:
        return ["In no row was a FUSE peer faster than memefs, with either store.", ""]
    return table(["row", "mount", "**faster**", "faster, but not in all rounds: no difference to be seen"], lines)


def processors(run):
    """Processor time of client and daemon, for our best mount."""
    name = next((name for name in ("memefs", "sectors") if name in run["mounts"]), None)
    lines = []
    for row in run["rows"]:
        cell = row["mounts"].get(name, {})
        if cell.get("times") and row["name"] != "fio":
            middle = [statistics.median(values) for values in (*zip(*cell["anchors"]), *zip(*cell["times"]))]
            lines.append([row["title"], *(time_text(middle[i]) for i in (0, 1, 3, 4, 5))])
    head = ["row", "tmpfs", "its processor time", run["mounts"][name]["title"] if name else "", "client's processor time", "daemon's"]
    return table(head, lines) if lines else []


def size(value):
    return f"{value / 2**20:.1f}" if abs(value) < 10 * 2**20 else f"{value / 2**20:.0f}"


def memory(run):
    titles = [title for title in next(iter(run["memory"].values()), {}) if title != "held"]
    text = []
    for title in titles:
        lines = []
        for name, figures in run["memory"].items():
            if title in figures:
                figure = figures[title]
                held = figure["held"]
                lines.append([run["mounts"][name]["title"], size(figure["cached"]["all"]), size(held["all"]), size(held["shared"]),
                              size(held["slab"]), size(held["daemon"]), size(figure["left"]["all"]), str(figure["descriptors"]),
                              str(figure["files"])])
        text += [f"**{title}**", ""] + table(["MiB", "at once", "held", "shared memory", "slabs", "daemon", "left after deletion",
                                            "descriptors", "kernel's open files"], lines)
    lines = [[run["mounts"][name]["title"], str(figures["held"].get("idle", "")), str(figures["held"].get("open", ""))]
             for name, figures in run["memory"].items() if run["mounts"][name]["daemon"]]
    if lines:
        text += ["**Descriptors of the daemon**", ""] + table(["mount", "idle", "with 1,000 files open"], lines)
    return text


def unmet(run):
    missed = [f"{row['title']} ({run['mounts'][name]['title']})" for row in run["rows"] for name in row["targets"]
              if verdict(row, name).startswith("**")]
    count = sum(bool(verdict(row, name)) for row in run["rows"] for name in row["targets"])
    if not count:
        return ["No row with a target was measured.", ""]
    return [f"{count - len(missed)} of {count} targets met" + ("; not met: " + ", ".join(missed) if missed else "") + ".", ""]


def markdown(run):
    text = ["# memefs mounted on Linux", "", *run["machine"], "", *run["method"], ""]
    text += table(["mount", "made by"], [[mount["title"], f"`{mount['shown']}`"] for mount in run["mounts"].values()])
    if run["notes"]:
        text += ["Left out or failed:", ""] + [f"- {note}" for note in run["notes"]] + [""]
    if run["rows"]:
        text += unmet(run)
        text += ["![Time divided by tmpfs's](linux.svg)", ""] if run["charted"] else []
        for group, title in GROUPS:
            lines = main_table(run, group)
            text += [f"## {title}", ""] + lines if lines else []
        lines = variants(run)
        text += ["## Variants of the mount", ""] + lines if lines else []
        if any(name in run["mounts"] for name in PEERS):
            text += ["## Where a peer is faster", ""] + peers(run)
        lines = processors(run)
        text += ["## Where the time goes", "", "Both on the clock and in processor time, each a median of its own; what the "
                 "kernel does for a request counts for whoever waits for it or serves it, the switch between them too.", ""] + lines if lines else []
    if run["memory"]:
        text += ["## Memory", "", *run["memory_method"], ""] + memory(run)
    return "\n".join(text).rstrip() + "\n"


# ---- chart ------------------------------------------------------------------------------------

WIDE, LABEL, GAP, HEAD, FOOT = 1650, 240, 20, 75, 45  # pixels


class Panel:
    """The rows of a group, one below the other, with a bar for each mount that starts at 1."""

    def __init__(self, run, group, title, names):
        self.title, self.names, self.group = title, names, group
        self.rows = [row for row in run["rows"] if row["group"] == group and any(ratio(row, name) for name in names)]

    def bars(self, name):
        """Lines of ratio, lower and upper edge."""
        height = 0.84 / len(self.names)
        for at, row in enumerate(self.rows):
            value = ratio(row, name)
            if value:
                top = 0.42 - at - self.names.index(name) * height
                yield f"{value:.4f} {top - height:.4f} {top:.4f}"

    def targets(self):
        """Pairs of points, a blank line behind each, across the bar of the tmpfs store."""
        height = 0.84 / len(self.names)
        for at, row in enumerate(self.rows):
            if row["targets"].get("memefs") and "memefs" in self.names:
                x, top = row["targets"]["memefs"], 0.42 - at - self.names.index("memefs") * height
                yield f"{x} {top - height:.4f}\n{x} {top:.4f}\n"

    def script(self, left, right, bottom, top):
        labels = ", ".join(f'"{row["title"]}" {-at}' for at, row in enumerate(self.rows))
        lines = [f"set lmargin at screen {left:.4f}", f"set rmargin at screen {right:.4f}",
                 f"set bmargin at screen {bottom:.4f}", f"set tmargin at screen {top:.4f}",
                 f'set title "{self.title}" font ",13"', f"set ytics ({labels})", f"set yrange [{0.42 - len(self.rows)}:0.58]"]
        plots = []
        for at, name in enumerate(self.names):
            bars = list(self.bars(name))
            if bars:
                lines += [f"${self.group}{at} << EOD", *bars, "EOD"]
                plots.append(f"${self.group}{at} using 1:2:(1):1:2:3 with boxxyerror fs solid 1 noborder lc rgb '{COLOURS[name]}'")
        targets = list(self.targets())
        if targets:
            lines += [f"${self.group}_targets << EOD", *targets, "EOD"]
            plots.append(f"${self.group}_targets using 1:2 with lines lw 2.5 lc rgb 'black'")
        return lines + ["plot " + ", ".join(plots)]


def legend(run, names, tall):
    """A plot of nothing but its key, in the corner that the shorter panels leave free."""
    plots = [f"NaN with boxes fs solid 1 noborder lc rgb '{COLOURS[name]}' title '{run['mounts'][name]['title']}'" for name in names]
    if "memefs" in names:
        plots.append("NaN with lines lw 2.5 lc rgb 'black' title 'target of the tmpfs store'")
    return ["set lmargin at screen 0.7", "set rmargin at screen 0.98", "set bmargin at screen 0.02", "set tmargin at screen 0.25",
            "unset title", "unset xtics", "unset ytics", "unset grid", "unset border", "unset arrow 1", "unset logscale",
            "set xrange [0:1]", "set yrange [0:1]", f"set key at screen 0.98,{30 / tall:.4f} right bottom vertical maxcols 1",
            "plot " + ", ".join(plots)]


def chart(run, folder):
    """linux.svg and linux.png by gnuplot. False: there is nothing to draw."""
    names = [name for name in MAIN if name in run["mounts"]]
    panels = [panel for group, title in GROUPS if (panel := Panel(run, group, title, names)).rows]
    if not panels or not names:
        return False
    pitch = 8 * len(names) + 10
    tall = HEAD + FOOT + max(max(len(panel.rows) for panel in panels), len(panels[-1].rows) + 5, 6) * pitch
    values = [value for row in run["rows"] for name in names if (value := ratio(row, name))] + [0.5, 2]
    common = ["set encoding utf8", "set logscale x", f"set xrange [{min(values) / 1.15:.3f}:{max(values) * 1.15:.3f}]",
              'set xtics (0.1, "" 0.2, "0.5" 0.5, 1, 2, "5" 5, 10, "20" 20, "50" 50, 100, "" 200, "" 500, 1000) nomirror '
              "textcolor 'black'", "set ytics nomirror scale 0 textcolor 'black'", "set grid xtics lt 1 lc rgb '#d8d8d8'",
              "set border 1 lc rgb '#888888'", "unset key",
              "set arrow 1 from 1, graph 0 to 1, graph 1 nohead lw 1.5 lc rgb '#444444' front"]
    width = WIDE / len(panels)
    for kind, terminal in (("svg", "svg size {0},{1} dynamic background '#ffffff' font 'DejaVu Sans,12'"),
                           ("png", "pngcairo size {0},{1} background '#ffffff' font 'DejaVu Sans,10'")):
        script = [f"set terminal {terminal.format(WIDE, tall)}", f"set output '{os.path.join(folder, 'linux.' + kind)}'", *common,
                  'set multiplot title "Time divided by kernel tmpfs\'s in the same round: shorter is better, left of 1 is faster '
                  'than tmpfs" font ",14"']
        for at, panel in enumerate(panels):
            script += panel.script((at * width + LABEL) / WIDE, ((at + 1) * width - GAP) / WIDE,
                                   1 - (HEAD + len(panel.rows) * pitch) / tall, 1 - HEAD / tall)
        script += [*legend(run, names, tall), "unset multiplot"]
        done = subprocess.run(["gnuplot"], input="\n".join(script) + "\n", text=True, stderr=subprocess.PIPE, check=False)
        if done.returncode:
            raise RuntimeError(f"gnuplot: {done.stderr.strip()}")
    return True
