#!/usr/bin/env python3
"""The same work on varve and on buildah, in turn, in one run: medians, ratios, and the raw results as JSON.

    cargo build --release && benches/compare.py              every scenario, three times
    benches/compare.py --scenarios cached,runs -n 5          some of them, five times
    benches/compare.py --tools varve                         without the peer

Runs as root, needs busybox-static, and for the peer Debian's buildah. A sample is the wall time of all that a user
waits for; `peak` is the largest resident set of any one process of the tool (VmHWM), sampled from /proc while it runs.
Compare ratios within one run: absolute times differ from machine to machine and from hour to hour.
"""
import argparse, datetime, json, os, pathlib, platform, shutil, statistics, subprocess, sys, tempfile, threading, time

HERE = pathlib.Path(__file__).resolve().parent
FILES = 50_000


class Varve:
    name = "varve"

    def __init__(self, work, program):
        self.store, self.program, self.layout = work / "varve-store", program, work / "base.tar"
        busybox = pathlib.Path(shutil.which("busybox")).resolve().parent
        run([program, "build", "--root", work / "base-store", f"--build-context=host={busybox}",
             "-o", f"type=oci,dest={self.layout}", HERE.parent / "testdata/example/base"])

    def version(self):
        return run([self.program, "version"]).strip()

    def reset(self):
        shutil.rmtree(self.store, ignore_errors=True)

    def build(self, context, out=None, compression="gzip", jobs=16):
        words = [self.program, "build", "--root", self.store, "--progress=quiet", "-t", "bench", f"--jobs={jobs}",
                 f"--build-context=busybox=oci-layout://{self.layout}"]
        if out:
            words += ["-o", f"type=oci,dest={out},compression={compression}"]
        return [words + [context]]


class Buildah:
    name = "buildah"

    def __init__(self, work, layout):
        self.store, self.layout = work / "buildah", layout
        self.words = ["buildah", "--root", self.store / "root", "--runroot", self.store / "run", "--storage-driver", "overlay"]

    def version(self):
        return run(["buildah", "--version"]).strip()

    def reset(self):
        if self.store.exists():
            subprocess.run([*map(str, self.words), "rmi", "--all", "--force"], capture_output=True)
        shutil.rmtree(self.store, ignore_errors=True)
        run([*self.words, "pull", f"oci-archive:{self.layout}"])
        image = run([*self.words, "images", "-q"]).split()[0]
        run([*self.words, "tag", image, "localhost/busybox"])

    def build(self, context, out=None, compression="gzip", jobs=16):
        words = [[*self.words, "build", "--layers", "--isolation", "chroot", "--network", "host", "--pull=never",
                  f"--jobs={jobs}", "-t", "bench", context]]
        if out:
            words.append([*self.words, "push", "--compression-format", compression, "bench", f"oci-archive:{out}"])
        return words


def run(words, **more):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, stdin=subprocess.DEVNULL, **more)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, words))}\n{done.stderr[-2000:]}")
    return done.stdout


class Peak(threading.Thread):
    """The largest VmHWM of a process and its descendants that run the same program."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.kilobytes, self.done = pid, 0, False

    def run(self):
        while not self.done:
            for pid in [self.pid, *descendants(self.pid)]:
                try:
                    for line in open(f"/proc/{pid}/status"):
                        if line.startswith("VmHWM"):
                            self.kilobytes = max(self.kilobytes, int(line.split()[1]))
                except OSError:
                    pass
            time.sleep(0.01)


def descendants(pid):
    found = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            for child in open(f"/proc/{pid}/task/{task}/children").read().split():
                found += [int(child), *descendants(int(child))]
    except OSError:
        pass
    return found


def measure(commands):
    """Seconds and peak kilobytes of commands, one after the other."""
    seconds, peak = 0.0, 0
    for words in commands:
        start = time.perf_counter()
        child = subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.PIPE)
        watcher = Peak(child.pid)
        watcher.start()
        told = child.stderr.read()
        child.wait()
        seconds += time.perf_counter() - start
        watcher.done = True
        watcher.join()
        peak = max(peak, watcher.kilobytes)
        if child.returncode:
            raise SystemExit(f"{' '.join(map(str, words))}\n{told.decode(errors='replace')[-2000:]}")
    return seconds, peak


def context(work, name, dockerfile, fill=None):
    path = work / "contexts" / name
    if not path.exists():
        path.mkdir(parents=True)
        (path / "Dockerfile").write_text(dockerfile)
        if fill:
            fill(path)
    return path


def many_files(path):
    for directory in range(FILES // 500):
        below = path / "files" / f"d{directory:03}"
        below.mkdir(parents=True)
        for number in range(500):
            (below / f"f{number:03}.txt").write_text(f"{directory} {number}\n" * 8)


# Half of it compresses as text does, half not at all. The file is made by the step itself.
LARGE = ("FROM busybox\nRUN i=0; while [ $i -lt 16 ]; do head -c 33554432 /dev/urandom; yes 'a line of some text that compresses' "
         "| head -c 33554432; i=$((i+1)); done > /large\n")

TEN = "FROM busybox\nWORKDIR /w\nCOPY a.txt .\n" + "".join(f"RUN echo {n} > f{n}\n" for n in range(7))
STAGES = "".join(f"FROM busybox AS s{n}\nRUN sleep 1; echo {n} > /o{n}\n" for n in range(8)) + "FROM scratch\n" + "".join(
    f"COPY --from=s{n} /o{n} /\n" for n in range(8))
COPY = "FROM busybox\nCOPY files /files\n"
COPIES = "FROM busybox\n" + "".join(f"COPY f{n} /d/f{n}\n" for n in range(40))
THOUSAND = "FROM busybox\n" + "".join(f"ENV V{n}={n}\n" if n % 10 else f"RUN echo {n} > /f\n" for n in range(1000))
# What takes long to pack is followed by a step that leaves the processors alone.
FOLLOWED = LARGE.replace("-lt 16", "-lt 8") + "RUN sleep 4\n"


def stages(count):
    """Stages that need nothing of each other, and one that copies from each."""
    return "".join(f"FROM busybox AS s{n}\nRUN echo {n} > /o{n}\n" for n in range(count)) + "FROM scratch\n" + "".join(
        f"COPY --from=s{n} /o{n} /\n" for n in range(count))


def scenarios(work):
    """Name: (what, what is done before each sample: `cold` for an empty store, `warm` for one that has all, `edited` for
    one that has all but one changed file, context, output, compression)"""
    def ten(path):
        (path / "a.txt").write_text("a\n")

    def forty(path):
        for number in range(40):
            (path / f"f{number}").write_text(f"{number}\n")

    return {
        "cached": ("ten steps, all cached", "warm", context(work, "ten", TEN, ten), None, "gzip"),
        "runs": ("40 × RUN true, cold", "cold", context(work, "runs", "FROM busybox\n" + "RUN true\n" * 40), None, "gzip"),
        "copies": ("40 × COPY of a small file, cold", "cold", context(work, "copies", COPIES, forty), None, "gzip"),
        "thousand": ("1,000 instructions, all cached", "warm", context(work, "thousand", THOUSAND), None, "gzip"),
        "stages-50": ("50 stages, cold", "cold", context(work, "stages-50", stages(50)), None, "gzip"),
        "stages-500": ("500 stages, cold", "cold", context(work, "stages-500", stages(500)), None, "gzip"),
        "stages": ("8 stages of RUN sleep 1, cold", "cold", context(work, "stages", STAGES), None, "gzip"),
        "large-gzip": ("1 GiB layer into an OCI tar, gzip", "cold", context(work, "large", LARGE), work / "out.tar", "gzip"),
        "large-zstd": ("1 GiB layer into an OCI tar, zstd", "cold", context(work, "large", LARGE), work / "out.tar", "zstd"),
        "followed": ("512 MiB layer, then sleep 4, gzip", "cold", context(work, "followed", FOLLOWED), work / "out.tar", "gzip"),
        "files-cached": ("COPY of 50,000 files, cached", "warm", context(work, "files", COPY, many_files), None, "gzip"),
        "files-edited": ("one of 50,000 files edited", "edited", context(work, "files", COPY, many_files), None, "gzip"),
        "files-cold": ("COPY of 50,000 files, cold", "cold", context(work, "files", COPY, many_files), None, "gzip"),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tools", default="varve,buildah")
    parser.add_argument("--scenarios", default="")
    parser.add_argument("-n", type=int, default=3)
    parser.add_argument("--bin", default=str(HERE.parent / "target/release/varve"))
    parser.add_argument("--scratch", help="directory with room for some GiB")
    parser.add_argument("--no-save", action="store_true")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory(prefix="varve-bench-", dir=options.scratch) as scratch:
        work = pathlib.Path(scratch)
        varve = Varve(work, options.bin)
        tools = [varve] if "varve" in options.tools else []
        if "buildah" in options.tools:
            if shutil.which("buildah"):
                tools.append(Buildah(work, varve.layout))
            else:
                print("buildah is not installed: varve alone", file=sys.stderr)
        wanted = options.scenarios.split(",") if options.scenarios else None
        results = {"date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"), "cpus": os.cpu_count(),
                   "kernel": platform.release(), "versions": {tool.name: tool.version() for tool in tools}, "scenarios": {}}
        for name, (what, state, place, out, compression) in scenarios(work).items():
            if wanted and name not in wanted:
                continue
            samples = {tool.name: [] for tool in tools}
            for tool in tools:
                if state != "cold":
                    tool.reset()
                    measure(tool.build(place, out, compression))
            for number in range(options.n):
                for tool in tools:
                    if state == "cold":
                        tool.reset()
                    elif state == "edited":
                        (place / "files/d050/f250.txt").write_text(f"{number} {tool.name}\n")
                    os.sync()
                    seconds, peak = measure(tool.build(place, out, compression))
                    samples[tool.name].append({"seconds": round(seconds, 4), "peak_kb": peak})
                    if out:
                        out.unlink()
            for tool in tools:
                tool.reset()
            results["scenarios"][name] = {"what": what, "samples": samples}
            show(name, what, samples)
        if isinstance(tools[-1], Buildah):
            subprocess.run([*map(str, tools[-1].words), "rmi", "--all", "--force"], capture_output=True)
        if not options.no_save:
            runs = HERE / "runs"
            runs.mkdir(exist_ok=True)
            path = runs / f"{datetime.date.today().isoformat()}.json"
            path.write_text(json.dumps(results, indent=1) + "\n")
            print(f"raw results: {path}")


def show(name, what, samples):
    middle = {tool: statistics.median(one["seconds"] for one in all) for tool, all in samples.items()}
    peak = {tool: max(one["peak_kb"] for one in all) // 1024 for tool, all in samples.items()}
    # A process that ended between two looks has no peak.
    told = [f"{tool} {seconds:8.3f} s {peak[tool] or '-':>5} MiB" for tool, seconds in middle.items()]
    if "buildah" in middle and "varve" in middle:
        told.append(f"{middle['buildah'] / middle['varve']:.1f} times as fast")
    print(f"{name:13} {what:36} {'   '.join(told)}", flush=True)


main()
