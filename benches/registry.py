#!/usr/bin/env python3
"""Pulls and pushes against a registry on the loopback interface, beside buildah and bare programs.

    cargo build --release
    benches/registry.py [-n SAMPLES] [--scratch DIR] [--rootfs TAR]

Needs Debian's docker-registry, skopeo and buildah, and root. `--rootfs` is the tar of a root file system, such as
`mmdebstrap --variant=minbase bookworm rootfs.tar` makes; without it there is no cold pull.
"""

import argparse
import json
import os
import pathlib
import resource
import shutil
import socket
import statistics
import subprocess
import tempfile
import time

VARVE = pathlib.Path(__file__).resolve().parent.parent / "target/release/varve"


def run(words, **more):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)
    if done.returncode:
        raise SystemExit(f"{words}: {done.stderr.decode()[-2000:]}")
    return done.stdout.decode()


def measured(words, **more):
    """Seconds, CPU seconds, and the peak of memory in MiB of this process and those below it."""
    began, before = time.monotonic(), os.times()
    child = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **more)
    said = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = status
    if status:
        raise SystemExit(f"{words}: {said.decode()[-2000:]}")
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return time.monotonic() - began, cpu, usage.ru_maxrss / 1024


class Registry:
    def __init__(self, work):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.host = f"127.0.0.1:{free.getsockname()[1]}"
        self.data = work / "registry"
        config = {
            "version": "0.1",
            "log": {"level": "error"},
            "storage": {"filesystem": {"rootdirectory": str(self.data)}},
            "http": {"addr": self.host},
        }
        (work / "registry.yml").write_text(json.dumps(config))
        nowhere = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.child = subprocess.Popen(["docker-registry", "serve", work / "registry.yml"], **nowhere)
        time.sleep(1)

    def forget(self, repository):
        """Drops a repository and all large blobs."""
        root = self.data / "docker/registry/v2"
        shutil.rmtree(root / "repositories" / repository, ignore_errors=True)
        for blob in (root / "blobs").rglob("data"):
            if blob.stat().st_size > 100 << 20:
                blob.unlink()


def show(name, samples):
    columns = list(zip(*samples))
    wall, cpu, memory = (statistics.median(column) for column in columns)
    spread = f"{min(columns[0]):.2f} to {max(columns[0]):.2f}"
    print(f"{name:34} {wall:8.2f} s ({spread}), {cpu:6.2f} s CPU, {memory:5.0f} MiB, n {len(samples)}", flush=True)


def buildah(folder, *words):
    return ["buildah", "--root", folder / "root", "--runroot", folder / "run", *words]


def pull(work, registry, rootfs, count):
    """A cold pull of a base with one layer, and one RUN."""
    name = f"{registry.host}/debian"
    source = work / "base"
    source.mkdir()
    shutil.copy(rootfs, source / "rootfs.tar")
    (source / "Dockerfile").write_text('FROM scratch\nADD rootfs.tar /\nCMD ["bash"]\n')
    layout = f"type=oci,compression=uncompressed,dest={work / 'base.tar'}"
    run([VARVE, "build", "-q", "--root", work / "first", "-o", layout, source])
    # skopeo compresses it as most registries have it: as a single stream.
    run(["skopeo", "copy", "-q", "--dest-tls-verify=false", f"oci-archive:{work / 'base.tar'}", f"docker://{name}"])
    context = work / "pull"
    context.mkdir()
    (context / "Dockerfile").write_text(f"FROM {name}\nRUN true\n")
    about = json.loads(run(["skopeo", "inspect", "--tls-verify=false", f"docker://{name}"]))
    address = f"http://{registry.host}/v2/debian/blobs/{about['Layers'][0]}"
    pipe = f"curl -s {address} | tee >(sha256sum >/dev/null) | gzip -dc | tee >(sha256sum >/dev/null) | tar -xC"
    samples = {}
    for number in range(count):
        place = work / f"pull{number}"
        (place / "files").mkdir(parents=True)
        build = ["build", "--tls-verify=false", "--isolation", "chroot", "-t", "x", context]
        for what, words in [
            ("S9 varve", [VARVE, "build", "-q", "--root", place / "varve", "-t", "x", context]),
            ("S9 buildah", buildah(place, *build)),
            ("S9 curl, sha256, gzip -d, tar", ["bash", "-c", f"{pipe} {place / 'files'}"]),
            ("S9 curl, gzip -d alone", ["bash", "-c", f"curl -s {address} | gzip -dc > /dev/null"]),
        ]:
            samples.setdefault(what, []).append(measured(words))
    for what, found in samples.items():
        show(what, found)


def half_random(path, size):
    """About half of it can be compressed."""
    words = [os.urandom(5).hex() for _ in range(4000)]
    with open(path, "wb") as out:
        while out.tell() < size:
            out.write(os.urandom(1 << 19))
            out.write(" ".join(words[os.urandom(1)[0] * 15] for _ in range(48000)).encode()[: 1 << 19])


def push(work, registry, count):
    """A layer of 1 GiB that nobody has, and again."""
    source = work / "push"
    source.mkdir()
    half_random(source / "data", 1 << 30)
    (source / "Dockerfile").write_text("FROM scratch\nCOPY data /data\n")
    samples = {}
    ours, theirs = f"{registry.host}/varve/big:1", f"{registry.host}/buildah/big:1"
    run(buildah(work / "push-buildah", "build", "-q", "--isolation", "chroot", "-t", theirs, source))
    for number in range(count):
        # A new store: it remembers what it has compressed.
        store = work / f"push{number}"
        run([VARVE, "build", "-q", "--root", store, "-t", ours, source])
        for tool, words in [
            ("varve", [VARVE, "push", "-q", "--root", store, ours]),
            ("buildah", buildah(work / "push-buildah", "push", "-q", "--tls-verify=false", theirs)),
        ]:
            registry.forget(tool)
            samples.setdefault(f"S10 {tool}, new layer of 1 GiB", []).append(measured(words))
            samples.setdefault(f"S10 {tool}, again", []).append(measured(words))
        shutil.rmtree(store)
    for what, found in sorted(samples.items()):
        show(what, found)


def memory(work, registry):
    """A layer of 2 GiB, each way."""
    source, store, name = work / "memory", work / "memory-store", f"{registry.host}/two"
    source.mkdir()
    half_random(source / "data", 2 << 30)
    (source / "Dockerfile").write_text("FROM scratch\nCOPY data /data\n")
    base = work / "memory-base"
    base.mkdir()
    (base / "Dockerfile").write_text(f"FROM {name} AS a\nFROM scratch\nCOPY --from=a /data /x\n")
    archive = work / "two.tar"
    at = ["--root", store]
    for what, words, new in [
        ("build", ["build", "-q", *at, "-t", name, source], True),
        ("push", ["push", "-q", *at, name], False),
        ("save", ["save", *at, "-o", archive, name], False),
        ("pull", ["pull", "-q", *at, name], True),
        ("pull and unpack", ["build", "-q", *at, "-o", "type=cacheonly", base], True),
        ("load", ["load", "-q", *at, "-i", archive], True),
    ]:
        if new:
            shutil.rmtree(store, ignore_errors=True)
        show(f"S12 {what}, layer of 2 GiB", [measured([VARVE, *words])])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=3)
    parser.add_argument("--scratch", type=pathlib.Path)
    parser.add_argument("--rootfs", type=pathlib.Path)
    asked = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory(dir=asked.scratch, ignore_cleanup_errors=True) as folder:
        work = pathlib.Path(folder)
        registry = Registry(work)
        try:
            if asked.rootfs:
                pull(work, registry, asked.rootfs, asked.n)
            push(work, registry, asked.n)
            memory(work, registry)
        finally:
            registry.child.terminate()
            registry.child.wait()
            subprocess.run(["umount", "-q", *work.glob("*/root/overlay")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
