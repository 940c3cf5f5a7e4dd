// Import and export in the console, with and without JavaScript: the plan, the job, the file.
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { badge, expect, open, setUp, test } from "../fixtures.ts";
import type { Page } from "@playwright/test";
import type { Keepstone } from "../fixtures.ts";
import type { Sqlite } from "../sqlite.ts";

async function world(keepstone: Keepstone, sqlite: Sqlite) {
  const shop = await sqlite.shop("shop.db", 50);
  await keepstone.protect(shop);
  const backup = await keepstone.backUp("shop");
  const old = keepstone.path("old");
  await mkdir(`${old}/daily`, { recursive: true });
  await copyFile(shop, `${old}/daily/shop_backup_daily_20250627_020000.db`);
  await writeFile(`${old}/notes.db`, "no database");
  return { shop, backup, old };
}

async function over(page: Page) {
  await page.waitForURL(/\/jobs\/j-/);
  await expect(badge(page, /Done/)).toBeVisible({ timeout: 40_000 });
}

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "with JavaScript" : "without JavaScript", () => {
    test.use({ javaScriptEnabled });

    test("a folder and an upload are planned and imported; rows are exported", async ({ page, keepstone, sqlite }) => {
      test.setTimeout(120_000);
      const { shop, backup, old } = await world(keepstone, sqlite);
      await setUp(page, keepstone);
      await keepstone.stop();
      await keepstone.start("--import-root", old, "--upload-limit", "2MB");

      // By path
      await page.goto("/backups");
      await page.getByRole("link", { name: "Import…" }).click();
      await expect(page.getByRole("heading", { level: 1 })).toHaveText("Import backups");
      await page.getByLabel("Folder or file").fill("/etc");
      await page.getByRole("button", { name: "Look at what is there" }).click();
      await expect(page.locator(".field-error")).toContainText("The console imports from");
      await page.getByRole("link", { name: old }).click();
      const rows = page.getByRole("row");
      await expect(rows.filter({ hasText: "shop_backup_daily_20250627_020000.db" })).toContainText("import");
      await expect(rows.filter({ hasText: "notes.db" })).toContainText("refuse");
      await page.getByRole("button", { name: "Import into shop" }).click();
      await over(page);
      await expect(page.getByText("imported as shop_daily_20250627T")).toBeVisible();
      expect((await keepstone.ok("list", "shop", "--type", "daily")).length).toBe(1);

      // By upload
      await page.goto("/import");
      await page.getByLabel("Files").setInputFiles([{ name: "data_backup_MANUAL_20251031_150000.db", mimeType: "application/octet-stream", buffer: await readFile(shop) }]);
      await page.getByRole("button", { name: "Upload and look" }).click();
      await expect(rows.filter({ hasText: "data_backup_MANUAL_20251031_150000.db" })).toContainText("manual of");
      await page.getByRole("button", { name: "Import into shop" }).click();
      await over(page);
      expect((await keepstone.ok("list", "shop")).length).toBe(3);

      // Export of the backup and of the live database
      for (const home of [`/backups/${backup}`, "/databases/shop"]) {
        await page.goto(`${home}/export`);
        await page.getByRole("combobox", { name: "Format" }).selectOption("sql");
        const saved = page.waitForEvent("download");
        await page.getByRole("button", { name: "Export and download" }).click();
        const file = await (await saved).path();
        expect(await readFile(file, "utf8")).toContain("INSERT INTO");
      }
    });
  });
}

test("an upload that is too large says so", async ({ admin, keepstone, sqlite, watch }) => {
  watch.expected(/413/);
  await world(keepstone, sqlite);
  await keepstone.stop();
  await keepstone.start("--upload-limit", "1MB");
  await open(admin, "/import");
  await expect(admin.getByText("--import-root FOLDER")).toBeVisible();
  await admin.getByLabel("Files").setInputFiles([{ name: "a.db", mimeType: "application/octet-stream", buffer: Buffer.alloc(3_000_000) }]);
  await admin.getByRole("button", { name: "Upload and look" }).click();
  await expect(admin.getByText("cannot be uploaded at once")).toBeVisible();
});
