"""Tables out of what was measured, in Markdown."""
import statistics

MAIN = ("memefs", "sectors", "user", "mergerfs", "bindfs", "ntfs-3g")
VARIANTS = ("private", "noxattr", "huge", "tmpfs-huge")
PEERS = ("mergerfs", "bindfs", "ntfs-3g")
GROUPS = (("data", "Data"), ("metadata", "Metadata"), ("trees", "Trees"))


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
    """Peers that were faster than one of our mounts, in two lists: in all rounds and by more than 3 % by the median
    of the rounds' quotients; and by the median only."""
    faster, even, our_ratios = [], [], ratios(row, ours)
    for peer in PEERS:
        quotients = [a / b for a, b in zip(ratios(row, peer), our_ratios)]
        middle = statistics.median(quotients) if quotients else 1
        if middle < 1:
            clear = middle < 0.97 and max(quotients) < 1
            (faster if clear else even).append(f"{peer} ({number(middle)} of it)")
    return faster, even


def verdict(row, name):
    target, value = row["targets"].get(name), ratio(row, name)
    if target is None or value is None:
        return ""
    return "met" if round(value, 2) <= target else "**not met**"


def table(head, lines):
    return [f"| {' | '.join(head)} |", "|" + "---|" * len(head), *(f"| {' | '.join(line)} |" for line in lines), ""]


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
    lines, compared = [], False
    for row in run["rows"]:
        for ours in ("memefs", "sectors"):
            compared = compared or ratio(row, ours) and any(ratio(row, peer) for peer in PEERS)
            faster, even = beaten(row, ours)
            if faster or even:
                lines.append([row["title"], run["mounts"][ours]["title"], ", ".join(faster), ", ".join(even)])
    if not compared:
        return []
    if not lines:
        return ["In no row was a FUSE peer faster than memefs, with either store.", ""]
    return table(["row", "mount", "**faster**", "faster, but not in all rounds: no difference to be seen"], lines)


def floor(run):
    """What the requests of a row cost when nothing is done for them."""
    lines = []
    for row in run["rows"]:
        if ratio(row, "nothing") is None:
            continue
        line = [row["title"], cell_text(row, "nothing")]
        for name in ("memefs", "sectors"):
            ours = ratio(row, name)
            line += [cell_text(row, name), number(ours / ratio(row, "nothing")) if ours else ""]
        target = row["targets"].get("memefs")
        lines.append(line + [f"≤ {target}" if target else ""])
    if not lines:
        return []
    head = ["row", "nothing", "memefs, tmpfs store", "of it", "memefs, sector store", "of it", "target"]
    return ["A FUSE file system that answers every request at once and does nothing for it (bench/linux/nothing.c): what "
            "the kernel and the task switches take for the requests that memefs gets, times tmpfs's time.", "",
            *table(head, lines)]


def processors(run):
    """Processor time of client and daemon, for our best mount."""
    name = next((name for name in ("memefs", "sectors") if name in run["mounts"]), None)
    lines = []
    for row in run["rows"]:
        cell = row["mounts"].get(name, {})
        if cell.get("times") and row["name"] != "fio":
            middle = [statistics.median(values) for values in (*zip(*cell["anchors"]), *zip(*cell["times"]))]
            lines.append([row["title"], *(time_text(middle[i]) for i in (0, 1, 3, 4, 5))])
    if not lines:
        return []
    head = ["row", "tmpfs", "its processor time", run["mounts"][name]["title"], "client's processor time", "daemon's"]
    return ["Time on the clock and in processor time, each a median of its own. What the kernel does for a request counts "
            "for whoever waits for it or serves it; so does the switch between them.", "", *table(head, lines)]


def size(value):
    return f"{value / 2**20:.1f}" if abs(value) < 10 * 2**20 else f"{value / 2**20:.0f}"


def counted(sample):
    return sample["shared"] + sample["slab"] + sample["daemon"]


BIG_TARGET = 1.01  # of what was written, for one large file in the tmpfs store


def memory_table(run, title):
    lines, more = [], []
    for name, figures in run["memory"].items():
        if title not in figures:
            continue
        figure, held, left = figures[title], figures[title]["held"], figures[title]["left"]
        times = counted(held) / figure["written"] if figure["written"] else 0
        per = f"{times:.3f} x" if figure["files"] == 1 else f"{counted(held) / figure['files']:.0f} B a file"
        sizes = [figure["cached"]["all"], held["all"], counted(held), held["shared"], held["slab"], held["daemon"],
                 left["all"], counted(left)]
        line = [run["mounts"][name]["title"], *map(size, sizes), str(figure["descriptors"]), str(figure["opened"])]
        lines.append(line[:4] + [per] + line[4:])
        if name == "memefs" and figure["files"] == 1:
            more = [f"{run['mounts'][name]['title']}: {times:.3f} times what was written; target ≤ {BIG_TARGET}: "
                    + ("met." if round(times, 3) <= BIG_TARGET else "**not met**."), ""]
    head = ["MiB", "at once", "held", "held, by counters", "", "shared memory", "slabs", "daemon", "left",
            "left, by counters", "descriptors", "kernel's open files"]
    return [f"**{title}**", "", *table(head, lines), *more]


def memory(run):
    text = []
    for title in next(iter(run["memory"].values()), {}):
        text += memory_table(run, title) if title != "held" else []
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
    words = f"; not met: {', '.join(missed)}" if missed else ""
    return [f"{count - len(missed)} of {count} targets met{words}.", ""]


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
            text += [f"## {title}", "", *lines] if lines else []
        lines = variants(run)
        text += ["## Variants of the mount", "", *lines] if lines else []
        lines = peers(run)
        text += ["## Where a peer is faster", "", *lines] if lines else []
        lines = floor(run)
        text += ["## The least that it can be", "", *lines] if lines else []
        lines = processors(run)
        text += ["## Where the time goes", "", *lines] if lines else []
    if run["memory"]:
        text += ["## Memory", "", *run["memory_method"], ""] + memory(run)
    return "\n".join(text).rstrip() + "\n"
