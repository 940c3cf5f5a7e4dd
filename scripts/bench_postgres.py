"""Times Keepstone's create and restore of a PostgreSQL database beside `pg_dump -Fc`, `pg_dump | gzip` and what restores them, interleaved in one
run on a throwaway server, and prints medians as ratios. The database is pgbench's; a create includes reading the archive back and comparing it
with the rows that the server counts, unless it says otherwise, and a restore counts the rows of the new database and analyzes it.

    python3 scripts/bench_postgres.py target/release/keepstone FOLDER_OF_POSTGRES'_PROGRAMS
"""
import json, os, shutil, socket, statistics, subprocess, sys, tempfile

from bench import ENVIRONMENT, KEEPSTONE, ROUNDS, run

BIN = sys.argv[2]
SCALES = [int(scale) for scale in os.environ.get("BENCH_PG_SCALE", "5 50").split()]
BASELINE, BASELINE_RESTORE = "pg_dump -Fc", "createdb, pg_restore"


def tool(name):
    return os.path.join(BIN, name)


def as_server(*command):
    """A server refuses to run as root."""
    return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else list(command)


class Server:
    def __enter__(self):
        said = subprocess.run(as_server("mktemp", "-d", "/tmp/keepstone-bench-pg-XXXXXX"), capture_output=True, text=True, check=True)
        self.folder = said.stdout.strip()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = str(probe.getsockname()[1])
        data, options = f"{self.folder}/data", f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync=off -c max_wal_size=4GB"
        quiet = {"stdout": subprocess.DEVNULL, "cwd": "/tmp", "check": True}
        subprocess.run(as_server(tool("initdb"), "-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"), **quiet)
        subprocess.run(as_server(tool("pg_ctl"), "-D", data, "-l", f"{self.folder}/log", "-w", "-o", options, "start"), **quiet)
        ENVIRONMENT.update(PGHOST="127.0.0.1", PGPORT=self.port, PGUSER="postgres")
        return self

    def __exit__(self, *_):
        subprocess.run(as_server(tool("pg_ctl"), "-D", f"{self.folder}/data", "-m", "immediate", "stop"), stdout=subprocess.DEVNULL, cwd="/tmp")
        shutil.rmtree(self.folder)

    def psql(self, sql):
        return run(tool("psql"), "-X", "-q", "-A", "-t", "-d", "postgres", "-c", sql)[2].decode().strip()


class Bench:
    def __init__(self, server, folder, scale):
        self.server, self.folder, self.results, self.sizes = server, folder, {}, {}
        server.psql("CREATE DATABASE bench")
        run(tool("pgbench"), "-i", "-q", "-s", str(scale), "bench")
        self.size = int(server.psql("SELECT pg_database_size('bench')"))
        self.data = os.path.join(folder, "data")

    def keepstone(self, *arguments):
        return [KEEPSTONE, "--data", self.data, "--json", "-q", *arguments]

    def measure(self, name, *command, result=None):
        measured = run(*command)
        self.results.setdefault(name, []).append(measured[:2])
        if result:
            self.sizes[name] = result(measured[2])
        return measured[2]

    def drop(self, name):
        self.server.psql(f'DROP DATABASE "{name}"')

    def round(self):
        custom, script = os.path.join(self.folder, "bench.dump"), os.path.join(self.folder, "bench.sql.gz")
        file = lambda path: lambda _: os.path.getsize(path)
        size = lambda out: json.loads(out)["results"][0]["archive_size_bytes"]
        self.measure(BASELINE, tool("pg_dump"), "-Fc", "-f", custom, "bench", result=file(custom))
        self.measure("pg_dump, gzip", "sh", "-c", f"'{tool('pg_dump')}' bench | gzip > '{script}'", result=file(script))
        run(*self.keepstone("db", "add", f"postgresql://postgres@127.0.0.1:{self.server.port}/bench"))
        made = self.measure("create", *self.keepstone("create", "bench", "--no-encrypt"), result=size)
        self.measure("create, not read back", *self.keepstone("create", "bench", "--no-encrypt", "--no-verify"), result=size)
        backup = json.loads(made)["results"][0]["id"]

        self.measure(BASELINE_RESTORE, "sh", "-c", f"'{tool('createdb')}' -T template0 copy && '{tool('pg_restore')}' -e -d copy '{custom}'")
        self.drop("copy")
        psql = f"'{tool('psql')}' -X -q -v ON_ERROR_STOP=1 -d copy"
        self.measure("createdb, gunzip, psql", "sh", "-c", f"'{tool('createdb')}' -T template0 copy && gunzip -c '{script}' | {psql} > /dev/null")
        self.drop("copy")
        self.measure("restore to a new database", *self.keepstone("restore", backup, "--to", "copy"))
        self.drop("copy")
        shutil.rmtree(self.data)

    def table(self):
        median = lambda name: statistics.median(result[0] for result in self.results[name])
        print(f"\n### PostgreSQL, {self.size / 1e6:.0f} MB on the server\n")
        print(f"| What | Median | Against `{BASELINE}` or `{BASELINE_RESTORE}` | Own peak memory | Result |")
        print("| --- | ---: | ---: | ---: | ---: |")
        for name, results in self.results.items():
            against = BASELINE_RESTORE if name in (BASELINE_RESTORE, "createdb, gunzip, psql", "restore to a new database") else BASELINE
            result = f"{self.sizes[name] / 1e6:.1f} MB" if name in self.sizes else ""
            memory = max(result[1] for result in results)
            print(f"| {name} | {median(name):.2f} s | {median(name) / median(against):.2f} × | {memory:.0f} MiB | {result} |")


def main():
    print(f"\n{subprocess.getoutput(tool('pg_dump') + ' --version')}, {ROUNDS} rounds", flush=True)
    with Server() as server:
        for scale in SCALES:
            with tempfile.TemporaryDirectory(prefix="keepstone-bench-", dir=os.environ.get("BENCH_DIR")) as folder:
                bench = Bench(server, folder, scale)
                for number in range(ROUNDS + 1):
                    bench.round()
                    if number == 0:
                        bench.results.clear()  # it only warmed the page cache
                bench.drop("bench")
                bench.table()


main()
