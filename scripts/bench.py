"""Times Keepstone's create, verify and restore beside what people do without it, interleaved in one run, and prints medians as ratios.

Every command runs as a process of its own, with the files in the page cache; its peak memory is what the kernel says when it ends, and the disk
that it used is the most that its folder held while it ran. A create includes reading the archive back and checking it, unless it says
otherwise. What Keepstone writes is on the disk when it ends; what others write is so where "sync" is said. The writer is another process, which
commits as an application would; its slowest commits are what people would feel.
"""
import json, os, platform, shutil, sqlite3, statistics, subprocess, sys, tempfile, threading, time

KEEPSTONE = os.path.abspath(sys.argv[1])
SIZES_MB = [int(size) for size in os.environ.get("BENCH_MB", "16 256 2048").split()]
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
MEMORY_LIMIT_MIB = 64
HERE = os.path.dirname(os.path.abspath(__file__))
PASSWORD = "a password of this benchmark only, 7391"
ENVIRONMENT = {**os.environ, "BACKUP_ENCRYPTION_PASSWORD": PASSWORD, "RESTIC_PASSWORD": PASSWORD, "RESTIC_PROGRESS_FPS": "0"}
BASELINE = ".backup, gzip"


class Disk(threading.Thread):
    """Looks every 50 ms how much a folder holds, beside what it held at first."""

    def __init__(self, folder):
        super().__init__(daemon=True)
        self.folder, self.peak, self.over = folder, 0, threading.Event()
        self.at_first = self.held()

    def held(self):
        total = 0
        for root, _, files in os.walk(self.folder):
            for name in files:
                try:
                    total += os.stat(os.path.join(root, name)).st_blocks * 512
                except FileNotFoundError:
                    pass
        return total

    def run(self):
        while not self.over.wait(0.05):
            self.peak = max(self.peak, self.held() - self.at_first)


def run(*command):
    """Runs a command; gives back (seconds, peak MiB, standard output)."""
    with tempfile.TemporaryFile() as out:
        began = time.monotonic()
        child = subprocess.Popen(command, stdout=out, env=ENVIRONMENT)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - began
        if child.returncode != 0:
            sys.exit(f"{' '.join(command)} ended with {child.returncode}")
        out.seek(0)
        return seconds, usage.ru_maxrss / 1024, out.read()


class Bench:
    """One database of one size, and everything that is measured on it."""

    def __init__(self, size_mb, folder):
        self.folder = folder
        self.database = self.path("live/bench.db")
        os.mkdir(self.path("live"))
        print(f"\n{size_mb} MB: making the database", flush=True)
        run(sys.executable, os.path.join(HERE, "../end2end/sqlite.py"), "big", self.database, str(size_mb))
        self.size = os.path.getsize(self.database)
        self.results, self.sizes = {}, {}

    def path(self, name):
        return os.path.join(self.folder, name)

    def keepstone(self, *arguments):
        return [KEEPSTONE, "--data", self.path("data"), "--json", "-q", *arguments]

    def measure(self, name, *commands, result=None):
        """The commands one after the other are one result: their times add up, the largest of their peaks counts."""
        disk = Disk(self.folder)
        disk.start()
        measured = [run(*command) for command in commands]
        disk.over.set()
        disk.join()
        disk.peak = max(disk.peak, disk.held() - disk.at_first)
        self.results.setdefault(name, []).append((sum(m[0] for m in measured), max(m[1] for m in measured), disk.peak))
        if result:
            self.sizes[name] = result(measured[-1][2])
        return measured[-1][2]

    def create(self, name, *arguments):
        size = lambda out: json.loads(out)["results"][0]["archive_size_bytes"]
        return json.loads(self.measure(name, self.keepstone("create", "bench", *arguments), result=size))["results"][0]

    def round(self):
        stock, restored, repository = self.path("stock.db"), self.path("restored.db"), self.path("restic")
        file = lambda path: lambda _: os.path.getsize(path)
        backup = ["sqlite3", self.database, f".backup {stock}"]
        run(*self.keepstone("db", "add", self.database))

        self.measure("cp", ["cp", self.database, stock], result=file(stock))
        os.remove(stock)
        self.measure("cp, sync", ["cp", self.database, stock], ["sync", stock], result=file(stock))
        os.remove(stock)
        self.measure(".backup", backup, result=file(stock))
        os.remove(stock)
        self.measure(BASELINE, backup, ["gzip", "-k", stock], result=file(f"{stock}.gz"))
        self.clear(stock, f"{stock}.gz")
        self.measure(".backup, zstd -T0 -3", backup, ["zstd", "-q", "-T0", "-3", stock], result=file(f"{stock}.zst"))
        self.clear(stock, f"{stock}.zst")
        if shutil.which("restic"):
            run("restic", "-q", "-r", repository, "init")
            self.measure(".backup, restic", backup, ["restic", "-q", "-r", repository, "backup", stock], result=lambda _: held(repository))
            os.remove(stock)
            out = self.path("restic-out")
            restore = ["restic", "-q", "-r", repository, "restore", "latest", "--target", out]
            self.measure("restic restore", restore)
            self.clear(out)
            self.measure("restic restore, sync", restore, ["sync", "-f", out])
            self.clear(repository, out)

        self.stretch()
        plain = self.create("create", "--no-encrypt")
        self.create("create, not read back", "--no-encrypt", "--no-verify")
        self.create("create, zstd 3, not read back", "--no-encrypt", "--no-verify", "--level", "3")
        sealed = self.create("create, encrypted", "--encrypt")
        self.create("create, encrypted, not read back", "--encrypt", "--no-verify")
        self.create("create, encrypted, zstd 3, not read back", "--encrypt", "--no-verify", "--level", "3")
        self.measure("verify", self.keepstone("verify", plain["id"]))
        self.measure("verify, encrypted", self.keepstone("verify", sealed["id"]))
        for name, of in (("restore to a new file", plain), ("restore to a new file, encrypted", sealed)):
            self.measure(name, self.keepstone("restore", of["id"], "--to", restored))
            os.remove(restored)
        # One row in fifty is another by then; the restore brings back what was there.
        for name, more in (("restore over the live database", ()), ("restore over it, without a safety backup", ("--no-safety-backup",))):
            self.change()
            self.measure(name, self.keepstone("restore", plain["id"], "--replace", "--yes", *more))
        self.clear(self.path("data"))  # each round begins with an empty vault

    def change(self):
        db = sqlite3.connect(self.database)
        db.execute("UPDATE parts SET body = randomblob(250) WHERE id % 50 = 7")
        db.commit()
        db.close()

    def stretch(self):
        """The password is stretched once for a vault (half a second, 128 MiB on purpose): that is not measured."""
        small = self.path("small.db")
        if not os.path.exists(small):
            sqlite3.connect(small).execute("CREATE TABLE t(a)").connection.close()
        run(*self.keepstone("create", small, "--encrypt", "--no-verify"))

    def clear(self, *paths):
        for path in paths:
            shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)

    def stalls(self, mode):
        """The commits of a writer alone, and beside each way: (median ms, 99th percentile ms, longest ms, errors, whether it ended)."""
        stock = self.path("stock.db")
        db = sqlite3.connect(self.database)
        db.execute(f"PRAGMA journal_mode = {mode}")
        db.close()
        run(*self.keepstone("db", "add", self.database))
        self.stretch()
        ways = {"alone": ["sleep", "5"], ".backup": ["sqlite3", self.database, f".backup {stock}"]}
        if mode == "WAL":
            # Beside a writer `.backup` may never come to its end: these have a copy that was made before.
            ways["gzip of a copy"] = ["gzip", "-kf", stock]
            ways["zstd -T0 -3 of a copy"] = ["zstd", "-q", "-f", "-T0", "-3", stock]
            if shutil.which("restic"):
                run("restic", "-q", "-r", self.path("restic"), "init")
                ways["restic of a copy"] = ["restic", "-q", "-r", self.path("restic"), "backup", stock]
        ways["create"] = self.keepstone("create", "bench", "--no-encrypt")
        ways["create, encrypted"] = self.keepstone("create", "bench", "--encrypt")
        ways["restore over the live database"] = self.keepstone("restore", "latest:manual", "--db", "bench", "--replace", "--yes")
        found = {}
        for name, command in ways.items():
            if name.endswith("of a copy"):
                shutil.copyfile(self.database, stock)
            writer = Writer(self.database)
            # A way that starts anew at every commit may never end: it is given a minute.
            child = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=ENVIRONMENT)
            try:
                ended = "yes" if child.wait(60) == 0 else "failed"
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
                ended = "not within a minute"
            found[name] = (*writer.stop(), ended)
            for path in (stock, f"{stock}.gz", f"{stock}.zst"):
                if os.path.exists(path):
                    os.remove(path)
        self.clear(self.path("data"), *[path for path in [self.path("restic")] if os.path.exists(path)])
        return found


class Writer:
    """An application that commits one row after the other, 200 a second at most: a process of its own, which begins before the way that is measured."""

    def __init__(self, database):
        self.child = subprocess.Popen([sys.executable, __file__, "--writer", database], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.child.stdout.readline()  # it has begun

    def stop(self):
        told, _ = self.child.communicate()
        took, errors = json.loads(told)
        took.sort()
        return statistics.median(took), took[len(took) * 99 // 100], took[-1], errors


def write(database):
    """The writer's process: commits until its standard input ends, then tells how long each commit took, in milliseconds."""
    over, took, errors = threading.Event(), [], 0
    threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
    db = sqlite3.connect(database, timeout=30, isolation_level=None)
    db.execute("CREATE TABLE IF NOT EXISTS written (id INTEGER PRIMARY KEY, note TEXT)")
    print("begun", flush=True)
    while not over.is_set():
        began = time.monotonic()
        try:
            db.execute("INSERT INTO written(note) VALUES ('from the writer')")
            took.append((time.monotonic() - began) * 1000)
        except sqlite3.Error:
            errors += 1
        time.sleep(0.005)
    db.close()
    json.dump([took, errors], sys.stdout)


def held(folder):
    return sum(os.path.getsize(os.path.join(root, name)) for root, _, files in os.walk(folder) for name in files)


def table(bench):
    median = lambda name: statistics.median(result[0] for result in bench.results[name])
    print(f"\n### {bench.size / 1e6:.0f} MB\n")
    print("| What | Median | Against `cp` | Against `.backup`, gzip | Peak memory | Disk used | Result |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, results in bench.results.items():
        memory, disk = max(result[1] for result in results), max(result[2] for result in results)
        result = f"{bench.sizes[name] / 1e6:.0f} MB" if name in bench.sizes else ""
        print(f"| {name} | {median(name):.2f} s | {median(name) / median('cp'):.1f} × | {median(name) / median(BASELINE):.2f} × "
              f"| {memory:.0f} MiB | {disk / 1e6:.0f} MB | {result} |")
    for peer in ("restic restore", "restic restore, sync"):
        if peer in bench.results:
            print(f"\nRestore to a new file against `{peer}`: {median('restore to a new file') / median(peer):.2f} ×; "
                  f"encrypted, as restic's is: {median('restore to a new file, encrypted') / median(peer):.2f} ×")


def stall_table(mode, found):
    print(f"\n| Beside a writer in {mode} mode | Median commit | 99th percentile | Against alone | Longest | Errors | Ended |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | --- |")
    for name, (median, p99, longest, errors, ended) in found.items():
        print(f"| {name} | {median:.2f} ms | {p99:.2f} ms | {p99 / found['alone'][1]:.1f} × | {longest:.0f} ms | {errors} | {ended} |")


def main():
    versions = [subprocess.getoutput(command).split("\n")[0] for command in ("sqlite3 --version | cut -d' ' -f1", "zstd --version", "restic version")]
    print(f"{platform.platform()}, {os.cpu_count()} cores, {ROUNDS} rounds; SQLite {versions[0]}; {versions[1]}; {versions[2]}")
    worst = 0
    for size_mb in SIZES_MB:
        with tempfile.TemporaryDirectory(prefix="keepstone-bench-", dir=os.environ.get("BENCH_DIR")) as folder:
            bench = Bench(size_mb, folder)
            for number in range(ROUNDS + 1):
                print(f"  round {number} of {ROUNDS}" + (" (warming up)" if number == 0 else ""), flush=True)
                bench.round()
                if number == 0:
                    bench.results.clear()  # it only warmed the page cache
            table(bench)
            for mode in ("WAL", "DELETE"):
                stall_table(mode, bench.stalls(mode))
            own = [results for name, results in bench.results.items() if name.startswith(("create", "verify", "restore to", "restore over"))]
            worst = max(worst, max(result[1] for results in own for result in results))
    print(f"\nPeak memory of a create, verify or restore: {worst:.0f} MiB (limit {MEMORY_LIMIT_MIB} MiB)")
    sys.exit(0 if worst < MEMORY_LIMIT_MIB else 1)


if __name__ == "__main__":
    write(sys.argv[2]) if sys.argv[1] == "--writer" else main()
