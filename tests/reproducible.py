#!/usr/bin/env python3
"""Builds the cases of a conformance suite in different circumstances, and wants the same image.

    reproducible.py SUITE VARVE [CASE…]

Every case that is to succeed is built three times with SOURCE_DATE_EPOCH and rewrite-timestamp=true:

    usual     as root
    other     from another directory, whose files are younger and somebody else's, with umask 077 and one job
    rootless  as a user who has subordinate ids

each into a store of its own. The digests of the three manifests must be equal, but for the cases that
tests/reproducible-random.txt lists with a reason; one that is listed and equal is an error too. In that file NAME/rootless
is a case that only root can build, and ?NAME one that may fail. Needs root, and the package uidmap.
"""
import argparse
import concurrent.futures
import importlib.util
import json
import os
import pathlib
import pwd
import shutil
import stat
import subprocess
import sys
import tarfile
import threading

HERE = pathlib.Path(__file__).resolve().parent
# Older than all files that cases make, but for those that are given a time on purpose.
EPOCH = 1_000_000_000
LATER = 12_345_678
STRANGER = 12_345
VARIANTS = ("usual", "other", "rootless")


def load(suite):
    spec = importlib.util.spec_from_file_location("conform", suite / "conform.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["conform"] = module
    spec.loader.exec_module(module)
    return module


class User:
    """A user with subordinate ids, for as long as the tests run."""

    def __enter__(self):
        self.name = f"varve-repro-{os.getpid()}"
        start = 4_000_000 + os.getpid() % 10_000 * 65_536
        ids = f"{start}-{start + 65_535}"
        run = lambda *words: subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
        run("useradd", "--no-create-home", "--no-user-group", "--gid", "nogroup", self.name)
        try:
            run("usermod", "--add-subuids", ids, "--add-subgids", ids, self.name)
        except BaseException:
            self.__exit__()
            raise
        entry = pwd.getpwnam(self.name)
        self.uid, self.gid = entry.pw_uid, entry.pw_gid
        return self

    def __exit__(self, *_):
        subprocess.run(["userdel", self.name], check=False, capture_output=True)


def own(top, uid, gid):
    for root, directories, files in os.walk(top):
        for name in directories + files:
            path = os.path.join(root, name)
            mode = os.lstat(path).st_mode
            os.lchown(path, uid, gid)
            # The kernel takes these bits away with the owner.
            if not stat.S_ISLNK(mode) and mode & 0o7000:
                os.chmod(path, stat.S_IMODE(mode))
    os.lchown(top, uid, gid)


def age(top):
    """Makes files younger, but for those whose time was set on purpose, before the epoch."""
    for root, directories, files in os.walk(top, topdown=False):
        for name in directories + files:
            path = os.path.join(root, name)
            time = os.lstat(path).st_mtime
            if time > EPOCH:
                os.utime(path, (time + LATER, time + LATER), follow_symlinks=False)


class Builder:
    """Builds one case in one of the circumstances, by way of the suite's own runner."""

    def __init__(self, conform, env, binary, user):
        self.conform, self.env, self.user = conform, env, user
        self.local = threading.local()
        args = argparse.Namespace(bin=str(binary), timeout=300)
        self.tool = conform.TOOLS["varve"](env, args)
        conform.execute = self.execute

    def execute(self, words, timeout, cwd=None, env=None):
        """Runs what the runner wants to run, with what makes builds reproducible."""
        variant = self.local.variant
        words = list(words)
        # The last one counts, whatever the case itself says: no file may be older than the epoch.
        words[-3:-3] = ["--build-arg", f"SOURCE_DATE_EPOCH={EPOCH}"]
        words[-2] += ",rewrite-timestamp=true"
        more = {"umask": 0o022}
        if variant == "other":
            words[2:2] = ["--jobs", "1"]
            more["umask"] = 0o077
        if variant == "rootless":
            more |= {"user": self.user.uid, "group": self.user.gid, "extra_groups": []}
        variables = {"PATH": os.environ["PATH"], "HOME": self.local.work}
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout,
                              cwd=self.local.work, env=variables, **more)
        return self.conform.Run(done.returncode, done.stdout.decode(errors="replace"),
                                done.stderr.decode(errors="replace"))

    def digest(self, case, variant, runid):
        """The digest of the manifest, and the layers' diff IDs and history for a report."""
        staged = self.env.stage(case, f"-{variant}")
        staged.runid = runid
        work = staged.work
        self.local.variant, self.local.work = variant, work
        self.env.local.store = os.path.join(work, "store")
        self.env.local.store_case = case.name
        os.mkdir(self.env.local.store)
        if variant == "other":
            age(staged.context)
            age(staged.extra)
            own(staged.context, STRANGER, STRANGER)
        if variant == "rootless":
            own(work, self.user.uid, self.user.gid)
        out = os.path.join(work, "out.tar")
        try:
            run = self.tool.build(staged, out)
            if run.rc != 0:
                return None, run.err.strip().splitlines()[-4:]
            with tarfile.open(out) as tar:
                read = lambda digest: json.load(tar.extractfile("blobs/" + digest.replace(":", "/")))
                digest = json.load(tar.extractfile("index.json"))["manifests"][0]["digest"]
                config = read(read(digest)["config"]["digest"])
            if keep := os.environ.get("KEEP"):
                os.makedirs(keep, exist_ok=True)
                shutil.copy(out, f"{keep}/{case.name}.{variant}.tar")
            return digest, config
        finally:
            self.conform.wipe(work)


def differences(configs):
    """What of the images' configs is not the same, layer by layer."""
    first = configs[0]
    found = set()
    for config in configs[1:]:
        for key in first.keys() | config.keys():
            if key != "rootfs" and first.get(key) != config.get(key):
                found.add(key)
        layers = [history["created_by"] for history in config["history"] if not history.get("empty_layer")]
        for one, other, text in zip(first["rootfs"]["diff_ids"], config["rootfs"]["diff_ids"], layers):
            if one != other:
                found.add("layer of " + text[:100])
    return sorted(found) or ["only the manifest, not the config"]


def main():
    suite, binary, only = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2], sys.argv[3:]
    conform = load(suite)
    lines = (HERE / "reproducible-random.txt").read_text().splitlines()
    listed = {line.split()[0] for line in lines if line.strip() and not line.startswith("#")}
    may_differ = {name[1:] for name in listed if name.startswith("?")}
    roots_own = {name.removesuffix("/rootless") for name in listed if name.endswith("/rootless")}
    args = argparse.Namespace(work=None, keep=False, fresh_store=False, busybox=None, only=only, topic=None)
    cases = [case for case in conform.load_cases(args) if (case.golden() or {}).get("result") == "ok"]
    env = conform.Env(args)
    os.chmod(env.work, 0o755)
    os.makedirs(os.path.join(env.work, "case"), exist_ok=True)
    shutil.copy(binary, os.path.join(env.work, "varve"))
    same, failed = 0, 0
    with User() as user:
        builder = Builder(conform, env, os.path.join(env.work, "varve"), user)

        def check(case):
            runid = "0123456789ab"
            variants = VARIANTS[:2] if case.name in roots_own else VARIANTS
            return case, [builder.digest(case, variant, runid) for variant in variants]

        try:
            with concurrent.futures.ThreadPoolExecutor(2) as pool:
                for case, results in pool.map(check, cases):
                    digests = {digest for digest, _ in results}
                    equal = len(digests) == 1 and None not in digests
                    same += equal
                    if equal != (case.name in listed) or case.name in may_differ:
                        continue
                    failed += 1
                    if equal:
                        print(f"{case.name}: equal, and still listed as random")
                    elif None in digests:
                        for variant, (digest, told) in zip(VARIANTS, results):
                            if digest is None:
                                print(f"{case.name}: {variant} failed:", *told, sep="\n    ")
                    else:
                        whom = [variant for variant, (digest, _) in zip(VARIANTS, results)
                                if digest != results[0][0]]
                        print(f"{case.name}: {' and '.join(whom)} differ:",
                              *differences([told for _, told in results]), sep="\n    ")
                    sys.stdout.flush()
        finally:
            env.close()
    print(f"{same} of {len(cases)} cases give the same image everywhere, {failed} unexpected")
    sys.exit(1 if failed or not same else 0)


if __name__ == "__main__":
    main()
