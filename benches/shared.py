#!/usr/bin/env python3
"""What a shared cache saves: one build, cold and from an empty store beside a cache in a registry on loopback.

    cargo build --release && benches/shared.py            three times each
    benches/shared.py -n 5 --json shared.json

Runs as root; needs busybox-static and Debian's docker-registry. A sample is the wall time of all that a user waits for:
the build and its push. Samples of all kinds are taken in turn, each with an empty store. `requests` are those to the
registry, `received` the bytes of blobs that came from it.
"""
import argparse, json, pathlib, re, shutil, signal, socket, statistics, subprocess, tempfile, time

HERE = pathlib.Path(__file__).resolve().parent
DOCKERFILE = """FROM busybox AS tools
RUN i=0; while [ $i -lt 40 ]; do head -c 500000 /dev/urandom | sha256sum >> /sums; i=$((i+1)); done
RUN head -c 64000000 /dev/urandom > /large
FROM busybox
COPY files /files
RUN find /files -type f -exec sha256sum {} + > /listed
RUN head -c 32000000 /dev/urandom > /data
COPY --from=tools /sums /
RUN wc -l /sums /listed > /counts
"""


def run(words):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, words))}\n{done.stderr[-2000:]}")
    return done.stderr


def serve(work):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config, log = work / "registry.yml", work / "registry.log"
    config.write_text(f"version: 0.1\nlog: {{level: info}}\nstorage: {{filesystem: {{rootdirectory: {work / 'data'}}}}}\n"
                      f"http: {{addr: 127.0.0.1:{port}}}\n")
    child = subprocess.Popen(["docker-registry", "serve", config], stdout=log.open("w"), stderr=subprocess.STDOUT)
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return child, log, f"127.0.0.1:{port}"
        except OSError:
            time.sleep(0.05)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("-n", type=int, default=3, help="samples of each kind")
    arguments.add_argument("--varve", type=pathlib.Path, default=HERE.parent / "target/release/varve")
    arguments.add_argument("--scratch", type=pathlib.Path, default=None, help="where to work; /dev/shm is memory")
    arguments.add_argument("--json", type=pathlib.Path, default=None)
    asked = arguments.parse_args()
    work = pathlib.Path(tempfile.mkdtemp(prefix="varve-shared-", dir=asked.scratch))
    child, log, host = serve(work)
    try:
        store, context, layout = work / "store", work / "context", work / "base.tar"
        busybox = pathlib.Path(shutil.which("busybox")).resolve().parent
        run([asked.varve, "build", "--root", work / "base", f"--build-context=host={busybox}", "-o",
             f"type=oci,dest={layout}", HERE.parent / "testdata/example/base"])
        (context / "files").mkdir(parents=True)
        for number in range(2000):
            (context / "files" / str(number)).write_text(f"{number}\n" * 500)
        (context / "Dockerfile").write_text(DOCKERFILE)
        common = ["--root", store, f"--build-context=busybox=oci-layout://{layout}"]
        # Written once; what commands leave is never the same twice.
        run([asked.varve, "build", *common, f"--cache-to=type=registry,ref={host}/cache,mode=max", "--push", "-t",
             f"{host}/app:0", context])
        push = ["--push", "-t"]
        kinds = {
            "cold, pushed": lambda n: [*push, f"{host}/app{n}:a"],
            "cold, pushed, cache written": lambda n: [
                f"--cache-to=type=registry,ref={host}/other{n},mode=max", *push, f"{host}/app{n}:b"],
            "cached elsewhere, pushed to the same registry": lambda n: [
                f"--cache-from={host}/cache", *push, f"{host}/app:{n}"],
            "cached elsewhere, OCI tar": lambda n: [f"--cache-from={host}/cache", "-o", f"type=oci,dest={work / 'o.tar'}"],
        }
        results = {kind: [] for kind in kinds}
        for sample in range(1, asked.n + 1):
            for kind, words in kinds.items():
                shutil.rmtree(store, ignore_errors=True)
                before = log.stat().st_size
                started = time.monotonic()
                said = run([asked.varve, "build", *common, *words(sample), context])
                seconds = time.monotonic() - started
                entries = log.read_text(errors="replace")[before:]
                asks = re.findall(r'"(GET|HEAD|PUT|POST|PATCH) (/v2/\S+) HTTP/1.1" (\d+) (\d+)', entries)
                received = sum(int(size) for method, path, status, size in asks if method == "GET" and "/blobs/" in path)
                cached = kind.startswith("cached")
                if cached != (" 0 steps built" in said):
                    raise SystemExit(f"{kind}: {said[-500:]}")
                results[kind].append({"seconds": seconds, "requests": len(asks), "received": received})
        for kind, samples in results.items():
            median = statistics.median(sample["seconds"] for sample in samples)
            print(f"{kind:50} {median:7.3f} s  {samples[0]['requests']:3} requests  {samples[0]['received']:>10} bytes received")
        if asked.json:
            asked.json.write_text(json.dumps(results, indent=1) + "\n")
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait()
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
