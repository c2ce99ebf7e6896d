"""A result for people: the terminal's table and the documentation's."""

from __future__ import annotations

from collections.abc import Sequence

from edgedepth.bench.accuracy import FIGURES, frontier, points
from edgedepth.bench.cells import threads_in_words
from edgedepth.bench.children import Record
from edgedepth.evaltable import markdown_table

COLUMNS = (
    "model", "runtime", "threads", "way", "p50 ms", "95 % interval", "p90", "p99", "spread",
    "drift", "memory MB", "MMAC", "of peak",
)  # fmt: skip


def rows(record: Record) -> list[list[str]]:
    """One row per combination, as text, in the order of ``COLUMNS``."""
    return [_row(cell) for cell in record["cells"]]


def _row(cell: Record) -> list[str]:
    latency = cell["latency_s"]
    kernels = "" if cell["xnnpack"] else " (no XNNPACK)"
    return [
        cell["model"].removesuffix(".tflite"),
        f"{cell['runtime']} {cell['runtime_version']}{kernels}",
        "GPU" if cell["delegate"] == "gpu" else str(cell["threads"]),
        f"{cell['mode']}, N={cell['frames']}",
        _ms(latency["p50"]),
        f"{_ms(latency['low'])} to {_ms(latency['high'])}",
        _ms(latency["p90"]),
        _ms(latency["p99"]),
        f"{100 * latency['spread']:.0f} %",
        f"{100 * latency['drift']:+.0f} %",
        _scaled(cell["model_memory_bytes"], 1e6, 1),
        _scaled(cell["macs"], 1e6, 0),
        "-" if cell["share_of_peak"] is None else f"{100 * cell['share_of_peak']:.0f} %",
    ]


SCORES = ("", "N", "MAE D", "RMSE m", "AbsRel", "d1", "fastest ms", "kB", "best for its speed")


def score_rows(record: Record) -> list[list[str]]:
    """One row per model and baseline, as text, in the order of ``SCORES``."""
    found = {point.name: point for point in points(record)}
    best = {point.name for point in frontier(list(found.values()))}
    lines = []
    for row in record["accuracy"]["rows"]:
        point = found.get(row["name"])
        figures = [f"{row[key]:.3f}" for key in FIGURES]
        line = [row["name"].removesuffix(".tflite"), str(row["frames"]), *figures]
        line += [_ms(point.seconds), f"{point.size_bytes / 1e3:.0f}"] if point else ["-", "-"]
        lines.append([*line, "yes" if row["name"] in best else ""])
    return lines


def accuracy_head(record: Record) -> str:
    """What the scores are of."""
    accuracy = record["accuracy"]
    return f"{accuracy['protocol']} protocol on {accuracy['data']}, {accuracy['scenes']} scenes"


def _ms(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    value = seconds * 1e3
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def _scaled(value: float | None, unit: float, digits: int) -> str:
    return "-" if value is None else f"{value / unit:.{digits}f}"


def aligned(head: Sequence[str], lines: Sequence[Sequence[str]], left: Sequence[int]) -> str:
    """Columns of equal width; those of ``left`` to the left, numbers to the right."""
    table = [list(head), *map(list, lines)]
    widths = [max(len(line[i]) for line in table) for i in range(len(head))]
    texts = []
    for line in table:
        cells = [
            text.ljust(w) if i in left else text.rjust(w)
            for i, (text, w) in enumerate(zip(line, widths, strict=True))
        ]
        texts.append("  ".join(cells).rstrip())
    return "\n".join(texts)


def terminal(record: Record) -> str:
    """Everything worth reading at once."""
    parts = [
        machine_line(record),
        f"input    {record['input']}",
        "",
        aligned(COLUMNS, rows(record), left=(0, 1, 3)),
    ]
    parts += ["", *(_peak_line(p) for p in record["peaks"])]
    parts += [_stream_line(c) for c in record["cells"] if c["per_frame_s"]]
    parts += [_check_line(c) for c in record["cells"] if c["cross_check"]]
    parts += [_job_line(job) for job in record["jobs"]]
    if record["sustained"]:
        parts.append(_sustained_line(record["sustained"]))
    parts += [text for found in record["profiles"] for text in _profile_lines(found)]
    if record["accuracy"]:
        parts += ["", accuracy_head(record), aligned(SCORES, score_rows(record), left=(0,))]
    parts += [f"warning  {text}" for text in record["warnings"]]
    return "\n".join(parts)


def machine_line(record: Record) -> str:
    """The machine in a line."""
    machine, before = record["environment"]["machine"], record["environment"]["before"]
    facts = [machine["cpu"], f"{machine['cores_allowed']} cores"]
    if machine["virtual"]:
        facts.append("virtual machine")
    if machine["governor"]:
        facts.append(f"governor {machine['governor']}")
    if machine.get("priority"):
        facts.append(f"{machine['priority']} priority")
    if before["load_1min"] is not None:
        facts.append(f"load {before['load_1min']:.1f}")
    if before["temperature_c"] is not None:
        facts.append(f"{before['temperature_c']:.0f} C")
    return f"machine  {', '.join(facts)}"


def place(of: Record) -> str:
    """Where it ran: on so many threads, or on the GPU."""
    return "GPU" if of.get("delegate") == "gpu" else threads_in_words(of["threads"])


def _peak_line(peak: Record) -> str:
    return (
        f"peak     {peak['arithmetic']}, {place(peak)}: {peak['gmac_per_s']:.0f} GMAC/s "
        "(3x3 convolution, 256 channels, LiteRT)"
    )


def _stream_line(cell: Record) -> str:
    return (
        f"stream   {cell['model']}, {cell['runtime']}, {place(cell)}: "
        f"{_ms(cell['per_frame_s']['p50'])} ms per frame, "
        f"{_ms(cell['after_last_frame_s']['p50'])} ms after the last"
    )


def _check_line(cell: Record) -> str:
    check = cell["cross_check"]
    return (
        f"check    {cell['model']}, {place(cell)}: {check['tool']} {_ms(check['p50_s'])} ms; "
        f"ours is {check['ratio']:.2f} of it, round by round"
    )


def _job_line(job: Record) -> str:
    stages = ", ".join(f"{name} {1e3 * value:.0f}" for name, value in job["stages_s"].items())
    return (
        f"job      {job['model']}, {job['frames']} frames, {place(job)}: "
        f"{1e3 * job['total_s']:.0f} ms from the start of the process ({stages}), "
        f"{job['peak_memory_bytes'] / 1e6:.0f} MB"
    )


def _sustained_line(sustained: Record) -> str:
    return (
        f"heat     {sustained['label']}: {sustained['minutes']:.1f} minutes without a pause, "
        f"last third {100 * sustained['drift']:+.1f} % against the first"
        f"{', THROTTLED' if sustained['throttled'] else ''}"
    )


PROFILE_ROWS = 12
PROFILE = ("operators", "by", "count", "ms", "share")


def _profile_lines(found: Record) -> list[str]:
    """The slowest kinds of operators, a table per signature."""
    lines = []
    for signature, rows in found["signatures"].items():
        total = sum(row["seconds"] for row in rows)
        lines += ["", f"profile  {found['model']}, {place(found)}, {signature}: {_ms(total)} ms"]
        lines.append(aligned(PROFILE, profile_rows(rows), left=(0, 1)))
    return lines


def profile_rows(rows: Sequence[Record]) -> list[list[str]]:
    """Kinds of operators as text, in the order of ``PROFILE``; what is small is added up."""
    shown, rest = rows[:PROFILE_ROWS], rows[PROFILE_ROWS:]
    lines = [
        [r["kind"], r["by"], str(r["count"]), _ms(r["seconds"]), f"{100 * r['share']:.0f} %"]
        for r in shown
    ]
    if rest:
        count, seconds, share = (sum(r[key] for r in rest) for key in ("count", "seconds", "share"))
        lines.append(["others", "", str(count), _ms(seconds), f"{100 * share:.0f} %"])
    return lines


def markdown(record: Record) -> str:
    """The table for the documentation, with what it was measured on."""
    lines = markdown_table(COLUMNS, rows(record))
    if record["accuracy"]:
        lines += [
            "",
            f"Accuracy: {accuracy_head(record)}.",
            "",
            *markdown_table(SCORES, score_rows(record)),
        ]
    doubts = [f"Warning: {text}." for text in record["warnings"]]
    return "\n".join([*lines, "", measured_on(record), *doubts])


def measured_on(record: Record) -> str:
    """Where and when, in a sentence."""
    machine = record["environment"]["machine"]
    where = f"{machine['cpu']}{' (virtual machine)' if machine['virtual'] else ''}"
    return (
        f"Measured {record['created'][:10]} on {where}, {record['options']['rounds']} rounds; "
        f"input: {record['input']}."
    )


SUMMARY = (
    "model", "kB", "ms, 1 thread", "ms, 2 threads", "wait after the last frame, ms", "`infer`, s",
    "MAE D",
)  # fmt: skip


def summary(record: Record) -> str:
    """The short table: each scored model on LiteRT, what one waits for, and its error."""
    scores = {row["name"]: row for row in record["accuracy"]["rows"]} if record["accuracy"] else {}
    jobs = {job["model"]: job for job in record["jobs"] if job["runtime"] == "litert"}
    lines = []
    for model in record["models"]:
        name = model["file"]
        if scores and name not in scores:
            continue
        found = {
            (cell["threads"], cell["mode"]): cell
            for cell in record["cells"]
            if cell["model"] == name and cell["runtime"] == "litert" and cell["xnnpack"]
        }
        whole = [found.get((threads, "unrolled")) for threads in (1, 2)]
        stream = found.get((1, "streaming"))
        error = scores.get(name)
        lines.append(
            [
                name.removesuffix(".tflite"),
                f"{model['bytes'] / 1e3:.0f}",
                *(_ms(cell["latency_s"]["p50"] if cell else None) for cell in whole),
                _ms(stream["after_last_frame_s"]["p50"] if stream else None),
                f"{jobs[name]['total_s']:.1f}" if name in jobs else "-",
                f"{error['mae_dioptres']:.3f}" if error else "-",
            ]
        )
    frames = {cell["frames"] for cell in record["cells"] if cell["model"] in scores or not scores}
    notes = [f"{' and '.join(map(str, sorted(frames)))} frames, LiteRT. {measured_on(record)}"]
    if jobs:
        notes.append(
            "Milliseconds are of the model alone; `infer` is the whole command, from reading and "
            "aligning the photos to relative blur and the files."
        )
    if scores:
        notes.append(f"MAE D: error in dioptres, {accuracy_head(record)}.")
    busy = ["The machine was not idle: see docs/bench.md."] if record["warnings"] else []
    return "\n".join([*markdown_table(SUMMARY, lines), "", *notes, *busy])


def markdown_profile(record: Record) -> str:
    """The profiles as tables for the documentation."""
    parts = []
    for found in record["profiles"]:
        for signature, kinds in found["signatures"].items():
            total = _ms(sum(kind["seconds"] for kind in kinds))
            parts.append(f"{found['model']}, {place(found)}, `{signature}`, {total} ms:\n")
            parts += [*markdown_table(PROFILE, profile_rows(kinds)), ""]
    return "\n".join(parts).rstrip()
