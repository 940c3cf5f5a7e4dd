// Databases for the tests, made and written by another program than Keepstone: Python's sqlite3, through sqlite.py.
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { open, rename } from "node:fs/promises";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";

const SCRIPT = resolve("sqlite.py");

export class Sqlite {
  private readonly writers: Writer[] = [];

  constructor(readonly folder: string) {}

  /** Makes a shop with this many orders in the test's folder and gives back its path. */
  async shop(name = "shop.db", orders = 2000): Promise<string> {
    const path = join(this.folder, name);
    await this.run("shop", path, String(orders));
    return path;
  }

  /** Fills a database up to this size with rows that do not compress away. */
  async big(name: string, megabytes: number): Promise<string> {
    const path = join(this.folder, name);
    await this.run("big", path, String(megabytes));
    return path;
  }

  /** The first column of the first row. */
  async value(path: string, sql: string): Promise<string> { return (await this.run("value", path, sql)).trim(); }

  async execute(path: string, sql: string) { await this.run("execute", path, sql); }

  orders(path: string): Promise<number> { return this.value(path, "SELECT count(*) FROM orders").then(Number); }

  /** Changes one byte of a file, at this share of its length. */
  async flipByte(path: string, at: number) {
    const file = await open(path, "r+");
    const position = Math.floor((await file.stat()).size * at);
    const { buffer } = await file.read(Buffer.alloc(1), 0, 1, position);
    buffer[0] ^= 0x10;
    await file.write(buffer, 0, 1, position);
    await file.close();
  }

  /** Moves a database with its side files. */
  async move(from: string, to: string) {
    await rename(from, to);
    for (const side of ["-wal", "-shm"]) await rename(from + side, to + side).catch(() => {});
  }

  /** Another process that keeps one connection open and commits a row every few milliseconds until it is stopped. */
  async writer(path: string, table = "orders"): Promise<Writer> {
    const writer = new Writer(spawn("python3", [SCRIPT, "write", path, table], { stdio: ["pipe", "pipe", "inherit"] }));
    this.writers.push(writer);
    await writer.moved();
    return writer;
  }

  /** Runs a command to its good end and gives back its peak memory, as the kernel says it. */
  async peakMiB(...command: string[]): Promise<number> { return Number(await this.run("peak", ...command)); }

  async stop() { await Promise.all(this.writers.map(writer => writer.stop())); }

  private run(...args: string[]): Promise<string> {
    return new Promise((done, failed) =>
      execFile("python3", [SCRIPT, ...args], { maxBuffer: 1 << 26 }, (error, stdout, stderr) =>
        error ? failed(new Error(`sqlite.py ${args.join(" ")}: ${stderr}`)) : done(stdout)));
  }
}

/** A running writer. It prints a line after each commit: how many it made, and the longest wait so far in milliseconds. */
export class Writer {
  commits = 0;
  longestWaitMs = 0;
  /** Busy or other errors that the application would have seen. */
  errors: string[] = [];
  private readonly ended: Promise<void>;

  constructor(private readonly child: ChildProcess) {
    this.ended = new Promise(done => child.once("exit", () => done()));
    createInterface({ input: child.stdout! }).on("line", line => {
      if (line.startsWith("error")) { this.errors.push(line); return; }
      const [commits, wait] = line.split(" ").map(Number);
      this.commits = commits;
      this.longestWaitMs = wait;
    });
  }

  /** Waits until it has committed once more. */
  async moved() {
    const before = this.commits;
    for (let tries = 0; this.commits <= before; tries++) {
      if (tries > 500 || this.child.exitCode !== null) throw new Error(`the writer does not move: ${this.errors.at(-1) ?? ""}`);
      await new Promise(again => setTimeout(again, 20));
    }
  }

  async stop() {
    this.child.stdin!.end();
    await this.ended;
  }
}
