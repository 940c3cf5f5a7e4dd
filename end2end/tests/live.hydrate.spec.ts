// What is live: progress in every tab, jobs of other processes, the polling fallback, and a server that goes and comes back.
import { cp } from "node:fs/promises";
import { badge, begins, done, expect, hydrated, open, test } from "../fixtures.ts";
import { realDatabase } from "../real-database.ts";

test.describe("with a database that takes seconds", () => {
  test.beforeEach(async ({ keepstone }) => cp(await realDatabase(), keepstone.path("dictionary.db")));

  test("a backup's progress moves in two tabs, and both hear how it ends", async ({ admin, context, keepstone }) => {
    test.setTimeout(180_000);
    await keepstone.protect(keepstone.path("dictionary.db"));
    const other = await context.newPage();
    await open(other, "/");
    await open(admin, "/backups/new?db=dictionary");
    // gzip: the slowest that the form offers, so that there is something to see on a fast machine, too.
    await admin.getByLabel("Compression").selectOption("gzip");
    const job = await begins(admin, () => admin.getByRole("button", { name: "Create backup" }).click());
    await other.goto(`/jobs/${job}`);
    await hydrated(other);
    const tabs = [admin, other].map(page => page.getByRole("main"));
    const seen = new Set<string>();
    const moved = (what: string) => [...seen].filter(line => line.startsWith(what)).length > 2;
    // Until enough was seen, however long the machine takes for it; then the job has served.
    await expect.poll(async () => {
      for (const [number, tab] of tabs.entries()) {
        const value = await tab.getByRole("progressbar").getAttribute("value", { timeout: 200 }).catch(() => null);
        if (value) seen.add(`bar ${number} ${value}`);
        const text = await tab.getByText(/ % · .* of 3\d\d\.\d MB/).textContent({ timeout: 200 }).catch(() => null);
        if (text) seen.add(`numbers ${number} ${text}`);
      }
      return ["bar 0", "bar 1", "numbers 0", "numbers 1"].every(moved) || await badge(admin, "Done").isVisible();
    }, { timeout: 120_000, intervals: [50] }).toBe(true);
    for (const what of ["bar 0", "bar 1", "numbers 0", "numbers 1"]) expect(moved(what), `${what} moved: ${[...seen].join(", ")}`).toBe(true);
    if (await badge(admin, "Running").isVisible()) await keepstone.cli("job", "cancel", job);
    for (const tab of [admin, other]) await expect(badge(tab, /Cancelled|Done/)).toBeVisible({ timeout: 30_000 });
  });

  test("a job of the command line shows in the browser while it runs", async ({ admin, keepstone }) => {
    test.setTimeout(180_000);
    await keepstone.protect(keepstone.path("dictionary.db"));
    await open(admin, "/");
    const running = keepstone.backUp("dictionary", "--compress=gzip");
    const chip = admin.getByRole("link", { name: /1 job running/ });
    await expect(chip).toContainText("%", { timeout: 60_000 });
    await chip.click();
    await hydrated(admin);
    await expect(admin.getByRole("main").getByRole("progressbar")).toBeVisible();
    await running;
    await done(admin);
    await expect(chip).toHaveCount(0);
  });

  test("a job is cancelled, and nothing of it stays", async ({ admin, keepstone }) => {
    test.setTimeout(120_000);
    await keepstone.protect(keepstone.path("dictionary.db"));
    await open(admin, "/backups/new?db=dictionary");
    await begins(admin, () => admin.getByRole("button", { name: "Create backup" }).click());
    await expect(admin.getByRole("main").getByRole("progressbar")).toBeVisible();
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
