// What is live: progress in every tab, jobs of other processes, the polling fallback, and a server that goes and comes back.
import { cp } from "node:fs/promises";
import type { Page, Request } from "@playwright/test";
import { badge, begins, expect, hydrated, open, signIn, test } from "../fixtures.ts";
import { realDatabase } from "../real-database.ts";

test.describe("with a database that takes seconds", () => {
  test.beforeEach(async ({ keepstone }) => cp(await realDatabase(), keepstone.path("dictionary.db")));

  test("a job's progress moves in two tabs, and both hear how it ends", async ({ admin, context, keepstone }) => {
    test.setTimeout(180_000);
    await keepstone.protect(keepstone.path("dictionary.db"));
    const backup = await keepstone.backUp("dictionary");
    const other = await context.newPage();
    await open(other, "/");
    await open(admin, "/");
    // As slow as this on every machine, and no burden to it.
    const running = keepstone.cli("verify", backup, "--rate", "20MB");
    const chip = admin.getByRole("link", { name: /1 job running/ });
    await expect(chip).toContainText("%", { timeout: 30_000 });
    const job = (await chip.getAttribute("href"))!;
    await chip.click();
    await other.goto(job);
    const tabs = [admin, other].map(page => page.getByRole("main"));
    const seen = new Set<string>();
    const moved = (what: string) => [...seen].filter(line => line.startsWith(what)).length > 2;
    await expect.poll(async () => {
      for (const [number, tab] of tabs.entries()) {
        const value = await tab.getByRole("progressbar").getAttribute("value", { timeout: 500 }).catch(() => null);
        if (value) seen.add(`bar ${number} ${value}`);
        const text = await tab.getByText(/ % · .* of .* MB/).textContent({ timeout: 500 }).catch(() => null);
        if (text) seen.add(`numbers ${number} ${text}`);
      }
      return ["bar 0", "bar 1", "numbers 0", "numbers 1"].every(moved) || [...seen].join(", ");
    }, { timeout: 60_000, intervals: [100] }).toBe(true);
    await keepstone.cli("job", "cancel", job.split("/").pop()!);
    await running;
    for (const tab of tabs) await expect(badge(tab, /Cancelled|Done/)).toBeVisible({ timeout: 30_000 });
    await expect(chip).toHaveCount(0);
  });

  test("a job is cancelled, and nothing of it stays", async ({ admin, keepstone }) => {
    test.setTimeout(120_000);
    await keepstone.protect(keepstone.path("dictionary.db"));
    await open(admin, "/backups/new?db=dictionary");
    await begins(admin, () => admin.getByRole("button", { name: "Create backup" }).click());
    await expect(admin.getByRole("main").getByRole("progressbar")).toBeVisible({ timeout: 30_000 });
    await admin.getByRole("button", { name: "Cancel job" }).click();
    await expect(admin.getByText(/: cancelled/).first()).toBeVisible({ timeout: 20_000 });
    expect((await keepstone.ok("list", "dictionary")).filter(backup => backup.state === "complete")).toEqual([]);
  });
});

test("a backup made elsewhere appears in the open list", async ({ admin, keepstone, sqlite }) => {
  await keepstone.protect(await sqlite.shop());
  await open(admin, "/backups");
  await expect(admin.getByText("Live", { exact: true })).toBeVisible();
  const backup = await keepstone.backUp("shop");
  await expect(admin.locator(`a[href="/backups/${backup}"]`).first()).toBeVisible();
});

test("where the stream is blocked, the page polls", async ({ admin, keepstone, sqlite, watch }) => {
  watch.expected(/events/, /ERR_FAILED/);
  await keepstone.protect(await sqlite.shop());
  await admin.route("**/events*", route => route.abort());
  await open(admin, "/backups");
  await expect(admin.getByText("Live, every few seconds")).toBeVisible({ timeout: 30_000 });
  const backup = await keepstone.backUp("shop");
  await expect(admin.locator(`a[href="/backups/${backup}"]`).first()).toBeVisible({ timeout: 15_000 });
});

test("a server that is gone for ten seconds is back without a reload, nothing lost or doubled", async ({ admin, context, keepstone, sqlite, watch }) => {
  test.setTimeout(120_000);
  watch.expected(/events/, /ERR_CONNECTION_REFUSED/, /ERR_INCOMPLETE_CHUNKED_ENCODING/, /ERR_EMPTY_RESPONSE/, /live\/poll/);
  await keepstone.protect(await sqlite.shop());
  const before = await keepstone.backUp("shop");
  const walker = await context.newPage();
  await open(walker, "/storage");
  await open(admin, "/backups");
  for (const tab of [admin, walker]) {
    await expect(tab.getByText("Live", { exact: true })).toBeVisible();
    await tab.evaluate(() => { (window as any).sameDocument = true; });
  }
  await keepstone.stop("SIGKILL");
  const died = Date.now();
  for (const tab of [admin, walker]) await expect(tab.getByText(/^Reconnecting, last update \d+ s ago/).first()).toBeVisible({ timeout: 20_000 });
  // Whoever goes on to another page meanwhile is told, and gets it once it can be had.
  await walker.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Backups" }).click();
  await expect(walker.getByRole("heading", { level: 1, name: "The server cannot be reached" })).toBeVisible();
  const meanwhile = await keepstone.backUp("shop");
  await new Promise(later => setTimeout(later, Math.max(0, died + 10_000 - Date.now())));
  await expect(admin.getByText(/^Reconnecting, last update [1-9]\d* s ago/).first()).toBeVisible();
  await keepstone.start();
  for (const tab of [admin, walker]) {
    await expect(tab.getByText("Live", { exact: true })).toBeVisible({ timeout: 40_000 });
    await expect(tab.getByRole("main").getByRole("row").filter({ has: tab.locator("td") })).toHaveCount(2);
    for (const backup of [before, meanwhile]) await expect(tab.getByRole("link", { name: `Restore ${backup}` })).toHaveCount(1);
    expect(await tab.evaluate(() => (window as any).sameDocument)).toBe(true);
  }
  // What they show is what a fresh look shows.
  const shown = await admin.getByRole("table").innerText();
  await admin.reload();
  expect((await admin.getByRole("table").innerText()).replace(/\d+ s ago/g, "")).toBe(shown.replace(/\d+ s ago/g, ""));
});

test("eight tabs are live over one connection, and a ninth opens", async ({ admin, context, keepstone, sqlite }) => {
  test.setTimeout(90_000);
  await keepstone.protect(await sqlite.shop());
  const tabs = [admin];
  await open(admin, "/backups");
  for (let more = 0; more < 7; more++) {
    const tab = await context.newPage();
    await open(tab, "/backups");
    tabs.push(tab);
  }
  const backup = await keepstone.backUp("shop");
  for (const tab of tabs) await expect(tab.locator(`a[href="/backups/${backup}"]`).first()).toBeVisible();
  const ninth = await context.newPage();
  await open(ninth, `/backups/${backup}`);
  await expect(ninth.getByText("Live", { exact: true })).toBeVisible();
  await expect(ninth.getByRole("heading", { level: 1 })).toBeVisible();
});

test("a hidden tab gives the stream to one that is seen, and is right again when it is shown", async ({ admin, context, keepstone, sqlite }) => {
  await keepstone.protect(await sqlite.shop());
  // A browser without a window shows every tab.
  const hide = (page: Page, state: string) => page.evaluate(state => {
    Object.defineProperty(document, "visibilityState", { configurable: true, get: () => state });
    document.dispatchEvent(new Event("visibilitychange"));
  }, state);
  const streams = new Map<Page, number>();
  const count = (page: Page) => page.on("request", request => {
    if (new URL(request.url()).pathname === "/events") streams.set(page, (streams.get(page) ?? 0) + 1);
  });
  count(admin);
  await open(admin, "/backups");
  await expect(admin.getByText("Live", { exact: true })).toBeVisible();
  expect(streams.get(admin)).toBe(1);
  const other = await context.newPage();
  count(other);
  await open(other, "/backups");
  await expect(other.getByText("Live", { exact: true })).toBeVisible();
  expect(streams.get(other), "one stream for all tabs").toBeUndefined();
  await hide(admin, "hidden");
  await expect.poll(() => streams.get(other)).toBe(1);
  const backup = await keepstone.backUp("shop");
  await expect(other.locator(`a[href="/backups/${backup}"]`).first()).toBeVisible();
  await hide(other, "hidden");
  const unseen = await keepstone.backUp("shop");
  await hide(admin, "visible");
  await expect(admin.locator(`a[href="/backups/${unseen}"]`).first()).toBeVisible();
  await expect(admin.getByText("Live", { exact: true })).toBeVisible();
});

test("a browser whose clock is wrong, or is put right, shows the same and stays live", async ({ admin, keepstone, sqlite }) => {
  await keepstone.protect(await sqlite.shop());
  await admin.addInitScript(() => {
    const [now, RealDate] = [Date.now, Date];
    (window as any).skew = -3 * 86_400_000;
    Date.now = () => now.call(RealDate) + (window as any).skew;
  });
  const first = await keepstone.backUp("shop");
  await open(admin, "/backups");
  const row = admin.getByRole("row").filter({ has: admin.locator(`a[href="/backups/${first}"]`) });
  await expect(row.getByText(/just now|seconds? ago|today/).first()).toBeVisible();
  await expect(admin.getByText("Live", { exact: true })).toBeVisible();
  for (const skew of [0, 86_400_000, -86_400_000]) {
    await admin.evaluate(skew => { (window as any).skew = skew; }, skew);
    const backup = await keepstone.backUp("shop");
    await expect(admin.locator(`a[href="/backups/${backup}"]`).first()).toBeVisible();
    await expect(admin.getByText("Live", { exact: true })).toBeVisible();
  }
});

test("where the address is not secure each tab that is seen has a stream of its own", async ({ admin: _, keepstone, playwright, sqlite }) => {
  await keepstone.protect(await sqlite.shop());
  const { port } = new URL(keepstone.url);
  await keepstone.stop();
  await keepstone.start("--public-url", `http://keepstone.test:${port}`);
  const browser = await playwright.chromium.launch({
    executablePath: process.env.CHROMIUM || undefined, args: ["--headless", "--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP keepstone.test 127.0.0.1"],
  });
  try {
    const context = await browser.newContext({ baseURL: `http://keepstone.test:${port}`, locale: "en-GB", timezoneId: "UTC" });
    const tabs = [await context.newPage(), await context.newPage()];
    await signIn(tabs[0]);
    expect(await tabs[0].evaluate(() => isSecureContext)).toBe(false);
    const streams = tabs.map(() => 0);
    for (const [index, tab] of tabs.entries()) {
      // The page that was left may still have come to life and asked: it does not count.
      const asks = (request: Request) => new URL(request.url()).pathname === "/events" && new URL(request.frame().url()).pathname === "/backups";
      tab.on("request", request => { if (asks(request)) streams[index]++; });
      await open(tab, "/backups");
      await expect(tab.getByText("Live", { exact: true })).toBeVisible();
    }
    expect(streams).toEqual([1, 1]);
    const backup = await keepstone.backUp("shop");
    for (const tab of tabs) await expect(tab.locator(`a[href="/backups/${backup}"]`).first()).toBeVisible();
  } finally {
    await browser.close();
  }
});
