// What is live: progress in every tab, jobs of other processes, the polling fallback, and a server that goes and comes back.
import { cp } from "node:fs/promises";
import { badge, begins, expect, hydrated, open, test } from "../fixtures.ts";
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

test("a server that is gone for a while is back without a reload, nothing lost", async ({ admin, keepstone, sqlite, watch }) => {
  test.setTimeout(90_000);
  watch.expected(/events/, /ERR_CONNECTION_REFUSED/, /ERR_INCOMPLETE_CHUNKED_ENCODING/, /ERR_EMPTY_RESPONSE/, /live\/poll/);
  await keepstone.protect(await sqlite.shop());
  await open(admin, "/backups");
  await expect(admin.getByText("Live", { exact: true })).toBeVisible();
  await admin.evaluate(() => { (window as any).sameDocument = true; });
  await keepstone.stop("SIGKILL");
  await expect(admin.getByText(/^Reconnecting/).first()).toBeVisible({ timeout: 20_000 });
  const backup = await keepstone.backUp("shop");
  await keepstone.start();
  await expect(admin.getByText("Live", { exact: true })).toBeVisible({ timeout: 40_000 });
  await expect(admin.locator(`a[href="/backups/${backup}"]`).first()).toBeVisible();
  expect(await admin.evaluate(() => (window as any).sameDocument)).toBe(true);
});

test("eight tabs are live over one connection", async ({ admin, context, keepstone, sqlite }) => {
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
});
