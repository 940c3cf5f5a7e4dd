// A PostgreSQL server for one test: started on a free port in a folder of its own, stopped and removed with the test, however that ends.
// Where the machine has no PostgreSQL there is none (`scripts/setup-postgres.sh` installs it), and the tests that need it are skipped.
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { freePort } from "./fixtures.ts";

export const NO_POSTGRES = "there is no PostgreSQL on this machine (scripts/setup-postgres.sh installs it)";
/** With what a URL has to escape. */
const PASSWORD = "s3cret/p:w%";

/** The folder of a whole installation, the newest first. */
function bin(): string | undefined {
  const versions = "/usr/lib/postgresql";
  let folders: string[] = [];
  try { folders = readdirSync(versions).sort((a, b) => Number(b) - Number(a)).map(version => join(versions, version, "bin")); } catch { /* none */ }
  const whole = (folder: string) => ["initdb", "pg_ctl", "postgres", "pg_dump", "pg_restore", "psql"].every(tool => {
    try { accessSync(join(folder, tool), constants.X_OK); return true; } catch { return false; }
  });
  return [...folders, ...(process.env.PATH ?? "").split(delimiter)].find(whole);
}

/** A server refuses to run as root. */
function unprivileged(...command: string[]): [string, string[]] {
  return process.getuid?.() === 0 ? ["runuser", ["-u", "postgres", "--", ...command]] : [command[0], command.slice(1)];
}

export class Postgres {
  private readonly sessions: ChildProcess[] = [];

  private constructor(private readonly bin: string, private readonly keeper: ChildProcess, readonly port: number) {}

  /** Starts one; none where the machine has no PostgreSQL. */
  static async start(): Promise<Postgres | undefined> {
    const found = bin();
    if (!found) return undefined;
    const port = await freePort();
    // Its end of the pipe closes with this process, and with it the server goes.
    const script = `set -e; umask 077; dir=$(mktemp -d /tmp/keepstone-pg-XXXXXX); read -r password; printf '%s\\n' "$password" > "$dir/pw"
      "$1/initdb" -D "$dir/data" -U postgres -A scram-sha-256 --pwfile="$dir/pw" --no-sync -E UTF8 --locale=C > "$dir/log" 2>&1 || { cat "$dir/log"; exit 1; }
      "$1/pg_ctl" -D "$dir/data" -l "$dir/log" -w -o "-p $2 -k $dir -c listen_addresses=127.0.0.1 -c fsync=off" start > /dev/null || { cat "$dir/log"; exit 1; }
      echo ready; cat > /dev/null || true; "$1/pg_ctl" -D "$dir/data" -m immediate stop > /dev/null 2>&1 || true; rm -rf "$dir"`;
    const [program, args] = unprivileged("sh", "-c", script, "sh", found, String(port));
    const keeper = spawn(program, args, { cwd: "/tmp", stdio: ["pipe", "pipe", "inherit"] });
    keeper.stdin!.write(`${PASSWORD}\n`);
    let said = "";
    for await (const text of keeper.stdout!.setEncoding("utf8")) {
      said += text;
      if (said.includes("ready")) return new Postgres(found, keeper, port);
    }
    throw new Error(`a PostgreSQL server is installed and does not start: ${said}`);
  }

  /** A database's URL without its password, as the console shows it. */
  url(database: string): string { return `postgresql://postgres@127.0.0.1:${this.port}/${database}`; }

  get password() { return PASSWORD; }

  /** The same with it. */
  secretUrl(database: string): string { return this.url(database).replace("postgres@", `postgres:${encodeURIComponent(PASSWORD)}@`); }

  /** What psql prints, without frames. */
  psql(database: string, sql: string): Promise<string> {
    const { file, args, env } = this.client(database, "-c", sql);
    return new Promise((done, failed) => execFile(file, args, { env }, (error, stdout, stderr) =>
      error ? failed(new Error(`${sql}: ${stderr}`)) : done(stdout.trim())));
  }

  /** Makes a shop with this many orders in a database of its own. */
  async shop(database: string, orders = 2000) {
    await this.psql("postgres", `CREATE DATABASE "${database}"`);
    await this.psql(database, `CREATE TABLE customers (id integer PRIMARY KEY, name text, password_hash text);
      INSERT INTO customers SELECT n, 'customer ' || n, md5(n::text) FROM generate_series(1, 50) n;
      CREATE TABLE orders (id integer PRIMARY KEY, customer_id integer REFERENCES customers, item text, placed_at timestamptz DEFAULT now());
      INSERT INTO orders SELECT n, n % 50 + 1, 'item ' || n FROM generate_series(1, ${orders}) n;
      CREATE SCHEMA audit; CREATE TABLE audit."Log" (at timestamptz, what text); INSERT INTO audit."Log" VALUES (now(), 'opened')`);
  }

  /** An application that stays connected to a database. */
  async application(database: string, name: string) {
    const { file, args, env } = this.client(database);
    const child = spawn(file, args, { env: { ...env, PGAPPNAME: name }, stdio: ["pipe", "pipe", "ignore"] });
    this.sessions.push(child);
    child.stdin!.on("error", () => {}); // its session is ended by a restore
    child.stdin!.write("SELECT 'connected';\n");
    await once(child.stdout!, "data");
  }

  async stop() {
    for (const session of this.sessions) session.kill();
    this.keeper.stdin!.end();
    if (this.keeper.exitCode === null) await once(this.keeper, "exit");
  }

  private client(database: string, ...more: string[]) {
    const args = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", "postgres", "-p", String(this.port), "-d", database, ...more];
    return { file: join(this.bin, "psql"), args, env: { ...process.env, PGPASSWORD: PASSWORD } };
  }
}
