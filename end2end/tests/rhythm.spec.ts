// It runs itself: cleanup by its own schedule, the limits of jobs, what the environment sets, and until when each backup is kept.
import { expect, hydrated, test, type Keepstone } from "../fixtures.ts";
import type { Page } from "@playwright/test";

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "with JavaScript" : "without JavaScript", () => {
    test.use({ javaScriptEnabled });
    const settled = async (page: Page) => { if (javaScriptEnabled) await hydrated(page); };

    test("cleanup looks when it is told to, and limits hold for all jobs", async ({ admin: page, keepstone, sqlite, watch }) => {
      watch.expected(/400|422/);
      await keepstone.ok("db", "add", await sqlite.shop("shop.db", 20), "--preset", "standard", "--zone", "UTC");
      const cleanup = page.getByRole("region", { name: "Cleanup" });
      const form = async () => {
        await settled(page);
        if (!(await cleanup.getByLabel("Cleanup looks").isVisible())) await cleanup.getByText("Change when cleanup looks").click();
      };
      const save = () => cleanup.getByRole("button", { name: "Save when cleanup looks" }).click();
      await page.goto("/schedules/shop");
      await expect(cleanup).toContainText("every 24 h, and after each scheduled backup");
      await form();
      await cleanup.getByLabel("How long after").fill("5min");
      await save();
      await expect(cleanup.getByText("cleanup looks once an hour at the most", { exact: false })).toBeVisible();
      await form();
      await cleanup.getByLabel("Cleanup looks").selectOption("cron");
      await cleanup.getByLabel("Cron of the cleanup").fill("30 4 * * *");
      await cleanup.getByLabel("Time zone of the cleanup").fill("Europe/Berlin");
      await cleanup.getByLabel("Pause it").check();
      await save();
      await expect(cleanup).toContainText("every day at 04:30 (Europe/Berlin), and after each scheduled backup; paused");
      await expect(cleanup.getByText("Cleanup is paused", { exact: false })).toBeVisible();
      const [stored] = await keepstone.ok("retention", "schedule", "shop");
      expect(stored.schedule).toEqual({ on: "cron", cron: "30 4 * * *", time_zone: "Europe/Berlin", after_backups: true, paused: true });
      // Whoever looks at everything sees it, too.
      await page.goto("/");
      await expect(page.getByText("Cleanup is paused", { exact: false })).toBeVisible();

      await page.goto("/schedules");
      const limits = page.getByRole("region", { name: "Limits of jobs" });
      await expect(limits).toContainText("2 backups at once");
      await settled(page);
      await limits.getByText("Change the limits").click();
      await limits.getByLabel("Backups at once").fill("0");
      await limits.getByRole("button", { name: "Save the limits" }).click();
      await expect(limits.getByText("1 to 32 jobs run at once", { exact: false })).toBeVisible();
      await settled(page);
      if (!(await limits.getByLabel("Backups at once").isVisible())) await limits.getByText("Change the limits").click();
      await limits.getByLabel("Backups at once").fill("3");
      await limits.getByLabel("Hung after").fill("10min");
      await limits.getByRole("button", { name: "Save the limits" }).click();
      await expect(limits).toContainText("3 backups at once");
      await expect(limits).toContainText("after 10 min without progress");
      expect((await keepstone.ok("schedule", "limits"))[0]).toMatchObject({ max_running: 3, hung_after_secs: 600 });
    });
  });
}

test("what the environment sets is shown as that, and changed only there", async ({ admin: page, keepstone, sqlite, watch }) => {
  watch.expected(/409|403|400|422|ERR_CONNECTION_REFUSED/);
  const file = await sqlite.shop("shop.db", 20);
  await keepstone.protect(file);
  await page.goto("about:blank");
  await keepstone.stop();
  keepstone.env = {
    DATABASE_URL: `sqlite:///${file}`, BACKUP_SCHEDULE: "0 14 * * *", BACKUP_RETENTION_DAYS: "30", BACKUP_MAX_BACKUPS: "30",
    BACKUP_ENABLED: "false", BACKUP_ENCRYPTION_PASSWORD: "correct horse battery staple",
  };
  await keepstone.start();

  await page.goto("/schedules/shop");
  await expect(page.getByText("No schedule runs: BACKUP_ENABLED is off")).toBeVisible();
  const row = page.getByRole("row").filter({ hasText: "Every day at 14:00" });
  await expect(row).toContainText("set by the environment");
  await expect(row.getByRole("link", { name: "Change" })).toHaveCount(0);
  await expect(row.getByRole("button", { name: "Remove" })).toHaveCount(0);
  await expect(page.getByText("Which backups are kept is set by the environment")).toBeVisible();

  await page.goto("/databases/shop/retention");
  await expect(page.getByText("This policy is set by the environment, and changed only there")).toBeVisible();
  await expect(page.getByRole("button", { name: "Save policy" })).toHaveCount(0);
  await page.goto("/databases/shop");
  await expect(page.getByText("on: set by the environment for every backup")).toBeVisible();

  // A form that was open before, or one made by hand.
  const sent = (path: string, form: Record<string, string>) =>
    page.request.post(`${keepstone.url}${path}`, { form, headers: { Origin: keepstone.url, Accept: "application/json" }, maxRedirects: 0 });
  const saved = await sent("/fn/retention/save", { id: "shop", daily: "1" });
  expect(saved.status()).toBeGreaterThanOrEqual(400);
  expect(await saved.text()).toContain("set by the environment");
  const number = (await schedules(keepstone)).find(one => one.managed_by === "environment").number;
  const removed = await sent("/fn/schedules/change", { act: "remove", database: "shop", number: String(number) });
  expect(removed.status()).toBeGreaterThanOrEqual(400);
  expect((await keepstone.ok("db", "show", "shop"))[0].retention).toEqual({ max_age_secs: 30 * 86400, max_count: 30 });
  expect((await schedules(keepstone)).filter(one => one.managed_by)).toHaveLength(1);
});

async function schedules(keepstone: Keepstone) { return keepstone.ok("schedule", "list", "shop"); }

test("each backup says why it is kept and until when", async ({ admin: page, keepstone, sqlite }) => {
  await keepstone.ok("db", "add", await sqlite.shop("shop.db", 20), "--preset", "standard", "--zone", "UTC");
  const first = await keepstone.backUp("shop", "--type", "daily");
  await keepstone.backUp("shop", "--pin");
  await keepstone.backUp("shop", "--type", "daily");
  await page.goto("/backups");
  await expect(page.getByRole("columnheader", { name: "Kept until · why" })).toBeVisible();
  const kept = page.locator("td.kept");
  await expect(kept.nth(0)).toHaveText("newest good");
  await expect(kept.nth(1)).toHaveText("pinned");
  await expect(kept.nth(2)).toContainText("daily 2 of 7");
  await expect(kept.nth(2).locator("time")).toHaveAttribute("datetime", /T02:00:00Z$/);
  await page.goto(`/backups/${first}`);
  await expect(page.getByText("Daily 2 of 7")).toBeVisible();
  await expect(page.getByText(/if the schedules run as they say/)).toBeVisible();
});
