"""Times Keepstone's create, verify and restore beside what people do without it, interleaved in one run, and prints medians as ratios.

Every command runs as a process of its own, with the files in the page cache; its peak memory is what the kernel says when it ends.
A create includes reading the archive back and checking it (the default); `create, not read back` is the same without that.
"""
import json, os, platform, shutil, statistics, subprocess, sys, tempfile, time

KEEPSTONE = os.path.abspath(sys.argv[1])
SIZES_MB = [int(size) for size in os.environ.get("BENCH_MB", "256 2048").split()]
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
MEMORY_LIMIT_MIB = 128
HERE = os.path.dirname(os.path.abspath(__file__))


def run(*command):
    """Runs a command; gives back (seconds, peak MiB, standard output)."""
    with tempfile.TemporaryFile() as out:
        began = time.monotonic()
        child = subprocess.Popen(command, stdout=out)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - began
        if child.returncode != 0:
            sys.exit(f"{' '.join(command)} ended with {child.returncode}")
        out.seek(0)
        return seconds, usage.ru_maxrss / 1024, out.read()


def bench(size_mb, folder):
    database = os.path.join(folder, "bench.db")
    print(f"\n{size_mb} MB: making the database", flush=True)
    run(sys.executable, os.path.join(HERE, "../end2end/sqlite.py"), "big", database, str(size_mb))
    data = os.path.join(folder, "data")
    keepstone = [KEEPSTONE, "--data", data, "--json"]
    results = {}
    sizes = {}

    def note(name, measured):
        results.setdefault(name, []).append(measured[:2])
        return measured[2]

    for number in range(ROUNDS + 1):
        if number == 1:
            results.clear()  # the first round only warms the page cache
        print(f"  round {number} of {ROUNDS}" + (" (warming up)" if number == 0 else ""), flush=True)
        paths = [os.path.join(folder, name) for name in ("copy.db", "stock.db", "stock.db.gz", "restored.db")]
        copy, stock, packed, restored = paths
        run(*keepstone, "db", "add", database)
        note("cp", run("cp", database, copy))
        seconds, peak, _ = run("sqlite3", database, f".backup {stock}")
        packing, packing_peak, _ = run("gzip", "-k", stock)
        note("sqlite3 .backup, gzip", (seconds + packing, max(peak, packing_peak), b""))
        sizes["sqlite3 .backup, gzip"] = os.path.getsize(packed)
        backup = json.loads(note("create", run(*keepstone, "create", "bench")))["results"][0]
        sizes["create"] = backup["archive_size_bytes"]
        note("create, not read back", run(*keepstone, "create", "bench", "--no-verify"))
        note("verify", run(*keepstone, "verify", backup["id"]))
        note("restore to a new file", run(*keepstone, "restore", backup["id"], "--to", restored))
        for path in paths:
            os.remove(path)
        shutil.rmtree(data)  # each round begins with an empty vault
    size = os.path.getsize(database)
    sizes["cp"] = size
    return size, results, sizes


def table(size, results, sizes):
    median = lambda name: statistics.median(seconds for seconds, _ in results[name])
    print(f"\n### {size / 1e6:.0f} MB\n")
    print("| What | Median | Against `cp` | Against `.backup` + gzip | Peak memory | Result |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name in results:
        peak = max(peak for _, peak in results[name])
        result = f"{sizes[name] / 1e6:.0f} MB" if name in sizes else ""
        print(f"| {name} | {median(name):.2f} s | {median(name) / median('cp'):.1f} × "
              f"| {median(name) / median('sqlite3 .backup, gzip'):.2f} × | {peak:.0f} MiB | {result} |")
    return max(peak for _, peak in results["create"])


def main():
    print(f"{platform.platform()}, {os.cpu_count()} cores, {ROUNDS} rounds; SQLite {subprocess.getoutput('sqlite3 --version').split()[0]}")
    worst = 0
    for size_mb in SIZES_MB:
        with tempfile.TemporaryDirectory(prefix="keepstone-bench-", dir=os.environ.get("BENCH_DIR")) as folder:
            worst = max(worst, table(*bench(size_mb, folder)))
    print(f"\nPeak memory of a create: {worst:.0f} MiB (limit {MEMORY_LIMIT_MIB} MiB)")
    sys.exit(0 if worst < MEMORY_LIMIT_MIB else 1)


main()
