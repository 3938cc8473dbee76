"""A chart out of what was measured: linux.svg and linux.png, by gnuplot."""
import os
import subprocess

from report import GROUPS, MAIN, ratio

COLOURS = {"memefs": "#1b6ca8", "sectors": "#6fb1e0", "user": "#b9d8ee", "mergerfs": "#d98e32", "bindfs": "#c4453c",
           "ntfs-3g": "#7d7d7d"}
TARGET = "lw 2.5 lc rgb 'black'"
WIDE, LABEL, GAP, HEAD, FOOT = 1650, 240, 20, 75, 45  # pixels
TERMINALS = {"svg": "svg size {0},{1} dynamic background '#ffffff' font 'DejaVu Sans,12'",
             "png": "pngcairo size {0},{1} background '#ffffff' font 'DejaVu Sans,10'"}
TITLE = ('set multiplot title "Time divided by kernel tmpfs\'s in the same round: shorter is better, left of 1 is '
         'faster than tmpfs" font ",14"')
COMMON = [
    "set encoding utf8", "set logscale x", "unset key", "set border 1 lc rgb '#888888'",
    "set grid xtics lt 1 lc rgb '#d8d8d8'", "set ytics nomirror scale 0 textcolor 'black'",
    'set xtics (0.1, "0.2" 0.2, "0.5" 0.5, 1, 2, "5" 5, 10, "20" 20, "50" 50, 100, "" 200, "" 500, 1000) nomirror '
    "textcolor 'black'",
    "set arrow 1 from 1, graph 0 to 1, graph 1 nohead lw 1.5 lc rgb '#444444' front",
]


class Panel:
    """The rows of a group, one below the other, with a bar for each mount that starts at 1."""

    def __init__(self, run, group, title, names):
        self.title, self.names, self.group = title, names, group
        self.rows = [row for row in run["rows"] if row["group"] == group and any(ratio(row, name) for name in names)]

    def edges(self, at, name):
        """Lower and upper edge of a mount's bar in a row."""
        height = 0.84 / len(self.names)
        top = 0.42 - at - self.names.index(name) * height
        return f"{top - height:.4f}", f"{top:.4f}"

    def bars(self, name):
        return [" ".join([f"{value:.4f}", *self.edges(at, name)])
                for at, row in enumerate(self.rows) if (value := ratio(row, name))]

    def targets(self):
        """Pairs of points, a blank line behind each, across the bar of the tmpfs store."""
        return [f"{target} {edge}{end}" for at, row in enumerate(self.rows) if (target := row["targets"].get("memefs"))
                for edge, end in zip(self.edges(at, "memefs"), ("", "\n"))] if "memefs" in self.names else []

    def script(self, left, right, bottom, top):
        labels = ", ".join(f'"{row["title"]}" {-at}' for at, row in enumerate(self.rows))
        lines = [*margins(left, right, bottom, top), f'set title "{self.title}" font ",13"', f"set ytics ({labels})",
                 f"set yrange [{0.42 - len(self.rows)}:0.58]"]
        plots = []
        for at, name in enumerate(self.names):
            bars = self.bars(name)
            if bars:
                lines += [f"${self.group}{at} << EOD", *bars, "EOD"]
                plots.append(f"${self.group}{at} using 1:2:(1):1:2:3 with boxxyerror fs solid 1 noborder "
                             f"lc rgb '{COLOURS[name]}'")
        targets = self.targets()
        if targets:
            lines += [f"${self.group}_targets << EOD", *targets, "EOD"]
            plots.append(f"${self.group}_targets using 1:2 with lines {TARGET}")
        return [*lines, "plot " + ", ".join(plots)]


def margins(left, right, bottom, top):
    """Where the axes are, in parts of the picture."""
    return [f"set {name}margin at screen {value:.4f}" for name, value in zip("lrbt", (left, right, bottom, top))]


def legend(run, names, tall):
    """A plot of nothing but its key, in the corner that the shorter panels leave free."""
    plots = [f"NaN with boxes fs solid 1 noborder lc rgb '{COLOURS[name]}' title '{run['mounts'][name]['title']}'"
             for name in names]
    if "memefs" in names:
        plots.append(f"NaN with lines {TARGET} title 'target of the tmpfs store'")
    return [*margins(0.7, 0.98, 0.02, 0.25), "unset title", "unset xtics", "unset ytics", "unset grid", "unset border",
            "unset arrow 1", "unset logscale", "set xrange [0:1]", "set yrange [0:1]",
            f"set key at screen 0.98,{30 / tall:.4f} right bottom vertical maxcols 1", "plot " + ", ".join(plots)]


def draw(run, folder):
    """False: there is nothing to draw."""
    names = [name for name in MAIN if name in run["mounts"]]
    panels = [panel for group, title in GROUPS if names and (panel := Panel(run, group, title, names)).rows]
    if not panels:
        return False
    pitch = 8 * len(names) + 10
    tall = HEAD + FOOT + max(max(len(panel.rows) for panel in panels), len(panels[-1].rows) + 5) * pitch
    values = [value for row in run["rows"] for name in names if (value := ratio(row, name))] + [0.5, 2]
    for kind, terminal in TERMINALS.items():
        output = os.path.join(folder, "linux." + kind)
        script = [f"set terminal {terminal.format(WIDE, tall)}", f"set output '{output}'", *COMMON,
                  f"set xrange [{min(values) / 1.15:.3f}:{max(values) * 1.15:.3f}]", TITLE]
        for at, panel in enumerate(panels):
            width, below = WIDE / len(panels), HEAD + len(panel.rows) * pitch
            script += panel.script((at * width + LABEL) / WIDE, ((at + 1) * width - GAP) / WIDE, 1 - below / tall,
                                   1 - HEAD / tall)
        script += [*legend(run, names, tall), "unset multiplot"]
        done = subprocess.run(["gnuplot"], input="\n".join(script) + "\n", text=True, check=False, stderr=subprocess.PIPE)
        if done.returncode:
            raise RuntimeError(f"gnuplot: {done.stderr.strip()}")
    return True
