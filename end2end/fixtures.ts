// What every spec stands on: a fresh server for each test, the command line beside it, a signed-in admin, and a watch that fails the
// test on any console message, page error, failed request or violation of the content security policy.
import { test as base, expect, type BrowserContext, type Locator, type Page } from "@playwright/test";
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, mkdir, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { NO_POSTGRES, Postgres } from "./postgres.ts";
import { Sqlite } from "./sqlite.ts";

export { expect };

export const BINARY = resolve(process.env.KEEPSTONE_BIN ?? "../target/debug/keepstone");
export const ADMIN = { name: "anna", password: "correct horse battery staple" };

/** What a run of the command line gave back. `json` is its one document, where `--json` was said. */
export interface CliResult { code: number; stdout: string; stderr: string; json?: any }

/** One vault in a folder of its own, the server on it, and the command line beside it. */
export class Keepstone {
  url = "";
  setupLink = "";
  /** Where a server whose catalog is damaged offers a new one. */
  recoveryLink = "";
  stderr = "";
  /** What the server's environment says beside; for the next start. */
  env: NodeJS.ProcessEnv = {};
  private child?: ChildProcess;

  constructor(readonly folder: string) {}

  get data() { return join(this.folder, "data"); }

  /** A path in the test's folder, outside the vault. */
  path(name: string) { return join(this.folder, name); }

  /** Runs a verb beside the server. */
  cli(...args: string[]): Promise<CliResult> {
    return new Promise(done => {
      execFile(BINARY, ["--data", this.data, ...args], { cwd: this.folder, env: environment(), maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
        const code = error ? (typeof error.code === "number" ? error.code : -1) : 0;
        const json = args.includes("--json") && stdout.trim() ? JSON.parse(stdout) : undefined;
        done({ code, stdout, stderr, json });
      });
    });
  }

  /** Like `cli`, with `--json`, and it must succeed; gives back its results. */
  async ok(...args: string[]): Promise<any[]> {
    const run = await this.cli(...args, "--json");
    expect(run.code, `keepstone ${args.join(" ")}: ${run.stderr}${run.stdout}`).toBe(0);
    return run.json.results;
  }

  /** Protects a database by the command line and gives back its id. */
  async protect(path: string): Promise<string> { return (await this.ok("db", "add", path))[0].id; }

  /** Makes a backup by the command line and gives back its id. */
  async backUp(database: string, ...args: string[]): Promise<string> { return (await this.ok("create", database, ...args))[0].id; }

  /** Starts `keepstone serve`; it runs when this returns. The working folder is empty: the binary needs nothing beside it. */
  async start(...args: string[]) {
    const port = this.url ? Number(new URL(this.url).port) : await freePort();
    await mkdir(join(this.folder, "empty"), { recursive: true });
    // Nothing is checked again by itself: no job runs that a test did not begin.
    const child = spawn(BINARY, ["--data", this.data, "serve", "--listen", `127.0.0.1:${port}`, "--recheck-after", "never", ...args], {
      cwd: join(this.folder, "empty"), env: { ...environment(), ...this.env }, stdio: ["ignore", "pipe", "pipe"],
    });
    this.child = child;
    this.url = `http://127.0.0.1:${port}`;
    let stdout = "";
    const found = (link: RegExp) => link.exec(stdout)?.[0] ?? "";
    child.stdout!.on("data", text => { stdout += text; this.setupLink ||= found(/http:\/\/\S+\/setup\S*/); this.recoveryLink = found(/http:\/\/\S+\/recovery\S*/); });
    child.stderr!.on("data", text => { this.stderr += text; });
    for (let tries = 0; ; tries++) {
      if (child.exitCode !== null) throw new Error(`keepstone serve ended with ${child.exitCode}: ${stdout}${this.stderr}`);
      if (this.recoveryLink) break;
      if (stdout.includes("listening") && await fetch(`${this.url}/readyz`).then(answer => answer.ok, () => false)) break;
      if (tries > 300) throw new Error(`keepstone serve is not ready after 15 s: ${stdout}${this.stderr}`);
      await new Promise(again => setTimeout(again, 50));
    }
  }

  /** Stops the server and gives back its exit code (null: it was killed). */
  async stop(signal: NodeJS.Signals = "SIGINT"): Promise<number | null> {
    const child = this.child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    const ended = new Promise<number | null>(done => child.once("exit", code => done(code)));
    child.kill(signal);
    const late = setTimeout(() => child.kill("SIGKILL"), 10_000);
    const code = await ended;
    clearTimeout(late);
    return code;
  }
}

/** Nothing of the person's own Keepstone reaches a test. */
function environment() {
  const env: NodeJS.ProcessEnv = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (!/^(KEEPSTONE_|BACKUP_|DATABASE_URL|PG)/.test(name)) env[name] = value;
  }
  return { ...env, TZ: "UTC", NO_COLOR: "1" };
}

export function freePort(): Promise<number> {
  return new Promise(done => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => done(port));
    });
  });
}

/** How each engine calls what a page left behind. */
const ABANDONED = ["net::ERR_ABORTED", "NS_BINDING_ABORTED", "Load request cancelled"];

/** Collects everything that must not happen in a browser; `expected` takes out what a test provokes itself. */
export class Watch {
  private readonly seen: string[] = [];
  private readonly allowed: RegExp[] = [];

  async follow(context: BrowserContext, scripts: boolean) {
    // The browser also reports violations of the policy on the console; this says what was blocked.
    await context.addInitScript(() => addEventListener("securitypolicyviolation", violation =>
      console.error(`policy: ${violation.violatedDirective} blocked ${violation.blockedURI || violation.sample}`)));
    context.on("console", message => {
      // A dialog says which of its buttons has the focus once it opens; where it comes with a page, Chromium tells that it did not use that yet.
      if (message.type() === "debug" || message.text().startsWith("Autofocus processing was blocked")) return;
      this.seen.push(`${message.type()}: ${message.text()} (${message.location().url})`);
    });
    context.on("weberror", error => this.seen.push(`page error: ${error.error()}`));
    context.on("requestfailed", request => {
      const why = request.failure()?.errorText ?? "";
      // A page that is left ends its streams and what it still asked for. Without JavaScript Chromium calls every script blocked by policy.
      if (!ABANDONED.includes(why) && (scripts || why !== "csp")) this.seen.push(`failed: ${request.method()} ${request.url()} ${why}`);
    });
    context.on("response", answer => {
      if (answer.status() >= 400) this.seen.push(`${answer.status()}: ${answer.request().method()} ${answer.url()}`);
    });
  }

  expected(...patterns: RegExp[]) { this.allowed.push(...patterns); }

  get problems() { return this.seen.filter(line => !this.allowed.some(pattern => pattern.test(line))); }
}

/** Waits until the page's WASM runs: a click before that is lost. */
export async function hydrated(page: Page) {
  await expect(page.locator("html")).toHaveAttribute("data-hydrated", /.*/, { timeout: 20_000 });
}

/** Opens a page of the console and waits until it lives. */
export async function open(page: Page, path: string) {
  await page.goto(path);
  await hydrated(page);
}

interface Options { serveArgs: string[] }
interface Fixtures {
  keepstone: Keepstone;
  watch: Watch;
  sqlite: Sqlite;
  /** A PostgreSQL server; the test is skipped where the machine has none. */
  postgres: Postgres;
  /** A page signed in as the admin. */
  admin: Page;
}

export const test = base.extend<Options & Fixtures>({
  serveArgs: [[], { option: true }],

  keepstone: async ({ serveArgs }, use, info) => {
    const keepstone = new Keepstone(await mkdtemp(join(tmpdir(), "keepstone-e2e-")));
    try {
      await keepstone.start(...serveArgs);
      await use(keepstone);
    } finally {
      await keepstone.stop();
      if (info.status !== info.expectedStatus) await info.attach("server's stderr", { body: keepstone.stderr });
      await rm(keepstone.folder, { recursive: true, force: true });
    }
  },

  baseURL: async ({ keepstone }, use) => use(keepstone.url),

  watch: [async ({ context, javaScriptEnabled }, use) => {
    const watch = new Watch();
    await watch.follow(context, javaScriptEnabled !== false);
    await use(watch);
    expect(watch.problems, "the browser reported something").toEqual([]);
  }, { auto: true }],

  sqlite: async ({ keepstone }, use) => {
    const sqlite = new Sqlite(keepstone.folder);
    await use(sqlite);
    await sqlite.stop();
  },

  postgres: async ({}, use, info) => {
    const postgres = await Postgres.start();
    if (!postgres) return info.skip(true, NO_POSTGRES);
    await use(postgres);
    await postgres.stop();
  },

  admin: async ({ page, keepstone }, use) => {
    await setUp(page, keepstone);
    await use(page);
  },
});

/** Makes the first admin with the set-up link, as its page's form does; the context is signed in afterwards. */
export async function setUp(page: Page, keepstone: Keepstone) {
  const token = new URL(keepstone.setupLink).searchParams.get("token");
  const answer = await page.request.post(`${keepstone.url}/fn/session/set-up`, {
    form: { token: token!, ...ADMIN }, headers: { Origin: keepstone.url, Accept: "text/html" }, maxRedirects: 0,
  });
  expect([302, 303]).toContain(answer.status());
}

/** Signs in through the form. */
export async function signIn(page: Page) {
  await page.goto("/login");
  await page.getByLabel("Name").fill(ADMIN.name);
  await page.getByLabel("Password").fill(ADMIN.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(url => url.pathname === "/");
}

/** Presses a form's button once the page lives, and waits for the job's page that it leads to; gives back the job's id. */
export async function begins(page: Page, press: () => Promise<void>): Promise<string> {
  await press();
  await page.waitForURL(/\/jobs\/j-[0-9a-z]+$/);
  return new URL(page.url()).pathname.split("/").pop()!;
}

/** A state on the page: its badge, e.g. `✔ Done`. */
export function badge(page: Page | Locator, word: string | RegExp) {
  return page.locator(".badge").filter({ hasText: word }).first();
}

/** Waits for the end of the job whose page is open, which must be a good one. */
export async function done(page: Page) {
  const over = badge(page, /Done|Failed|Cancelled|Abandoned/);
  await expect(over).toBeVisible({ timeout: 150_000 });
  await expect(over, await page.locator("main").innerText()).toContainText("Done");
}
