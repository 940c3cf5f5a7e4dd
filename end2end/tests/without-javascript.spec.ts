// The console without JavaScript: read every page, filter, create, verify, restore, undo, delete, put back. Everything is a link or a form.
import { ADMIN, badge, expect, test } from "../fixtures.ts";
import type { Page } from "@playwright/test";

test.use({ javaScriptEnabled: false });

/** A job's page refreshes itself until the job is over. */
async function over(page: Page) {
  await page.waitForURL(/\/jobs\/j-/);
  await expect(badge(page, /Done|Failed/)).toBeVisible({ timeout: 40_000 });
  await expect(badge(page, /Done|Failed/)).toContainText("Done");
}

test("the whole story", async ({ page, keepstone, sqlite }) => {
  test.setTimeout(180_000);
  const shop = await sqlite.shop();
  await page.goto(keepstone.setupLink);
  await page.getByLabel("Name").fill(ADMIN.name);
  await page.getByLabel("Password").fill(ADMIN.password);
  await page.getByRole("button", { name: "Make the account" }).click();
  await page.waitForURL("/");

  await page.goto("/databases/new");
  await page.getByLabel("Path of the SQLite file on this machine").fill(shop);
  await page.getByRole("button", { name: "Add the database" }).click();
  await page.waitForURL("/databases/shop");

  for (const path of ["/", "/databases", "/databases/shop", "/databases/shop/retention", "/backups", "/schedules", "/storage", "/activity", "/jobs", "/trash", "/search?q=shop"]) {
    await page.goto(path);
    await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
    await expect(page.getByText("Loading…")).toHaveCount(0);
  }

  await page.goto("/backups/new?db=shop");
  await page.getByLabel("Description").fill("without a script");
  await page.getByRole("button", { name: "Create backup" }).click();
  await over(page);
  await page.getByRole("link", { name: "See the backup" }).click();
  const backup = page.url().split("/").pop()!;
  await expect(page.getByRole("row").filter({ hasText: "sqlite_integrity_check" })).toContainText("passed");

  await page.getByRole("button", { name: "Verify" }).click();
  await over(page);

  await page.goto("/backups");
  await page.getByRole("main").getByLabel("Search").fill("without a script");
  await page.getByRole("button", { name: "Filter" }).click();
  await expect(page.locator(`a[href="/backups/${backup}"]`).first()).toBeVisible();
  await page.getByRole("main").getByLabel("Search").fill("nothing has this");
  await page.getByRole("button", { name: "Filter" }).click();
  await expect(page.getByText("No backup fits this filter")).toBeVisible();

  await sqlite.execute(shop, "DELETE FROM orders WHERE id > 500");
  await page.goto(`/backups/${backup}`);
  await page.getByRole("link", { name: "Restore…" }).click();
  await page.getByLabel("Replace the live database shop").check();
  await page.getByRole("button", { name: "Show the impact" }).click();
  await page.getByRole("link", { name: "Go on to confirm" }).click();
  await page.getByLabel("Type shop to replace it").fill("shop");
  await page.getByRole("button", { name: "Replace shop" }).click();
  await over(page);
  expect(await sqlite.orders(shop)).toBe(2000);

  await page.getByRole("link", { name: /^Undo/ }).click();
  await page.getByRole("button", { name: "Undo: back to the state before" }).click();
  await over(page);
  expect(await sqlite.orders(shop)).toBe(500);

  await page.goto("/backups/new?db=shop");
  await page.getByRole("button", { name: "Create backup" }).click();
  await over(page);
  await page.goto(`/backups/${backup}`);
  await page.getByRole("link", { name: "Delete…" }).click();
  await page.getByRole("button", { name: "Move backup to the trash" }).click();
  await expect(page.getByText("This backup is in the trash")).toBeVisible();
  await page.goto("/trash");
  await page.getByRole("row").filter({ has: page.locator(`a[href="/backups/${backup}"]`) }).getByRole("button", { name: "Put back" }).click();
  expect((await keepstone.ok("show", backup))[0].state).toBe("complete");
});

test("a refused form says why, and keeps nothing secret in the address", async ({ page, keepstone, sqlite, watch }) => {
  watch.expected(/^4\d\d:/);
  await page.goto(keepstone.setupLink);
  await page.getByLabel("Name").fill(ADMIN.name);
  await page.getByLabel("Password").fill("password1234567");
  await page.getByRole("button", { name: "Make the account" }).click();
  await expect(page.locator(".field-error, .form-error").first()).toContainText(/\w/);
  expect(page.url()).not.toContain("password1234567");
});
