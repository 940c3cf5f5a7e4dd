// The schedule editor: check, save, change, hold, trigger, remove, presets; with and without JavaScript.
import { expect, hydrated, test, type Keepstone } from "../fixtures.ts";
import type { Page } from "@playwright/test";

async function schedules(keepstone: Keepstone) { return keepstone.ok("schedule", "list", "shop"); }

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "with JavaScript" : "without JavaScript", () => {
    test.use({ javaScriptEnabled });
    const ready = async (page: Page) => { if (javaScriptEnabled) await hydrated(page); };

    test("a schedule is checked, saved, changed, held, triggered and removed", async ({ admin: page, keepstone, sqlite }) => {
      test.setTimeout(120_000);
      await keepstone.ok("db", "add", await sqlite.shop(), "--preset", "standard", "--zone", "UTC");
      await page.goto("/schedules");
      await page.getByRole("link", { name: "shop" }).first().click();
      await page.waitForURL("/schedules/shop");
      await ready(page);
      await expect(page.getByRole("heading", { level: 1 })).toHaveText("Schedules of shop");

      // What is wrong is said at its field, and what was filled in stays.
      await page.getByLabel("Cron", { exact: true }).fill("0 2 * *");
      await page.getByRole("button", { name: "Check the schedule" }).click();
      await expect(page.getByText("a cron has five")).toBeVisible();
      await expect(page.getByLabel("Cron", { exact: true })).toHaveValue("0 2 * *");

      await ready(page);
      await page.getByLabel("Cron", { exact: true }).fill("30 2 * * *");
      await page.getByLabel("Time zone", { exact: true }).fill("Europe/Berlin");
      await page.getByLabel("Delay").fill("10min");
      await page.getByRole("button", { name: "Check the schedule" }).click();
      const would = page.getByRole("region", { name: "What it would do" });
      await expect(would).toContainText("Every day at 02:30");
      await expect(would.getByRole("list").first().getByRole("listitem")).toHaveCount(5);
      await expect(would).toContainText("comes twice on this day");
      await expect(would).toContainText("does not exist on this day");
      expect(await schedules(keepstone)).toHaveLength(3);

      await ready(page);
      await page.getByRole("button", { name: "Add this schedule" }).click();
      const row = page.getByRole("row").filter({ hasText: "Every day at 02:30" });
      await expect(row).toContainText("Europe/Berlin, up to 10 min later");
      await page.waitForURL("/schedules/shop");
      expect(await schedules(keepstone)).toHaveLength(4);

      await row.getByRole("link", { name: "Change" }).click();
      await ready(page);
      await expect(page.getByLabel("Cron", { exact: true })).toHaveValue("30 2 * * *");
      await page.getByLabel("Run", { exact: true }).selectOption("interval");
      await page.getByLabel("Interval", { exact: true }).fill("6h");
      await page.getByLabel("If a run was missed").selectOption("skip");
      await page.getByRole("button", { name: "Check the schedule" }).click();
      await expect(would).toContainText("Every 6 h");
      await ready(page);
      await page.getByRole("button", { name: "Save this schedule" }).click();
      const changed = page.getByRole("row").filter({ hasText: "Every 6 h" });
      await expect(changed).toContainText("skip");

      await ready(page);
      await changed.getByRole("button", { name: "Pause" }).click();
      await expect(changed).toContainText("paused");
      await ready(page);
      await changed.getByRole("button", { name: "Resume" }).click();
      await expect(changed).not.toContainText("paused");
      await ready(page);
      await changed.getByRole("button", { name: "Run now" }).click();
      await expect.poll(async () => (await keepstone.ok("list", "shop", "--state", "complete")).length, { timeout: 30_000 }).toBe(1);
      await page.goto("/schedules/shop");
      await ready(page);
      await changed.getByRole("button", { name: "Remove" }).click();
      await expect(changed).toHaveCount(0);
      expect(await schedules(keepstone)).toHaveLength(3);

      await ready(page);
      await page.getByRole("radio", { name: /^Every 12 hours/ }).check();
      await page.getByRole("button", { name: "Use this preset" }).click();
      await expect(page.getByRole("row").filter({ hasText: "Each time Keepstone is told to stop" })).toBeVisible();
      expect((await schedules(keepstone)).map(row => row.kind)).toEqual(["interval", "startup", "shutdown"]);
      await expect(page.getByText("may be 14 h old")).toBeVisible();
    });
  });
}

test("the page of a database leads here, and one that is not there says so", async ({ admin: page, keepstone, sqlite, watch }) => {
  watch.expected(/404/);
  await keepstone.ok("db", "add", await sqlite.shop(), "--preset", "standard");
  await page.goto("/schedules/nothing");
  await expect(page.getByRole("heading", { name: "Not found" })).toBeVisible();
  await page.goto("/databases/shop");
  await page.getByRole("link", { name: "Change schedules" }).click();
  await page.waitForURL("/schedules/shop");
});
