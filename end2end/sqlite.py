"""Makes, reads and writes SQLite databases for the tests, as some application would: with its own SQLite, its own connection.

shop PATH ORDERS | big PATH MEGABYTES | value PATH SQL | execute PATH SQL | write PATH TABLE (until stdin ends) | peak COMMAND…
"""
import os, random, sqlite3, sys, threading, time

SCHEMA = """
PRAGMA journal_mode = WAL;
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER NOT NULL REFERENCES customers(id), note TEXT NOT NULL, cents INTEGER NOT NULL);
CREATE INDEX orders_by_customer ON orders(customer);
"""


def shop(path, count):
    db = sqlite3.connect(path)
    db.executescript(SCHEMA)
    db.executemany("INSERT INTO customers VALUES (?, ?)", ((i, f"Customer {i}") for i in range(1, 51)))
    rng = random.Random(7)
    db.executemany("INSERT INTO orders(customer, note, cents) VALUES (?, ?, ?)",
                   ((rng.randint(1, 50), f"order {i} " + "x" * rng.randint(0, 200), rng.randint(1, 99999)) for i in range(int(count))))
    db.commit()
    db.close()


def big(path, megabytes):
    db = sqlite3.connect(path)
    db.executescript("PRAGMA journal_mode = WAL; CREATE TABLE IF NOT EXISTS parts (id INTEGER PRIMARY KEY, name TEXT, body BLOB);")
    rng = random.Random(11)
    words = [rng.randbytes(6).hex() for _ in range(4096)]
    while os.path.getsize(path) + (os.path.getsize(path + "-wal") if os.path.exists(path + "-wal") else 0) < int(megabytes) * 1_000_000:
        # Half random, half words: about as compressible as an application's rows.
        db.executemany("INSERT INTO parts(name, body) VALUES (?, ?)",
                       ((" ".join(rng.choices(words, k=20)), rng.randbytes(250)) for _ in range(20_000)))
        db.commit()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


def value(path, sql):
    print(sqlite3.connect(f"file:{path}?mode=ro", uri=True).execute(sql).fetchone()[0])


def execute(path, sql):
    db = sqlite3.connect(path)
    db.executescript(sql)
    db.commit()


def write(path, table):
    stop = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
    db = sqlite3.connect(path, timeout=30, isolation_level=None)
    if table == "orders":
        insert = "INSERT INTO orders(customer, note, cents) VALUES (1, 'from the writer', 100)"
    else:
        db.execute(f"CREATE TABLE IF NOT EXISTS {table} (id INTEGER PRIMARY KEY, note TEXT)")
        insert = f"INSERT INTO {table}(note) VALUES ('from the writer')"
    commits, longest = 0, 0.0
    while not stop.is_set():
        began = time.monotonic()
        try:
            db.execute(insert)
            commits += 1
            longest = max(longest, time.monotonic() - began)
            print(commits, round(longest * 1000), flush=True)
        except sqlite3.Error as error:
            print("error", error, flush=True)
        time.sleep(0.005)
    db.close()


def peak(*command):
    child = os.posix_spawnp(command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)])
    _, status, usage = os.wait4(child, 0)
    if status != 0:
        sys.exit(f"{command[0]} ended with {os.waitstatus_to_exitcode(status)}")
    print(usage.ru_maxrss / 1024)


if __name__ == "__main__":
    {"shop": shop, "big": big, "value": value, "execute": execute, "write": write, "peak": peak}[sys.argv[1]](*sys.argv[2:])
