// The main job from end to end in a browser: set-up link, add, create, look, download, verify, restore, undo, delete, put back.
import { readFile } from "node:fs/promises";
import { ADMIN, badge, begins, done, expect, hydrated, open, test } from "../fixtures.ts";

test("from the set-up link to an undone restore", async ({ page, keepstone, sqlite }) => {
  test.setTimeout(180_000);
  const shop = await sqlite.shop();

  await test.step("the set-up link makes the admin", async () => {
    await page.goto(keepstone.setupLink);
    await hydrated(page);
    await page.getByLabel("Name").fill(ADMIN.name);
    await page.getByLabel("Password").fill(ADMIN.password);
    await page.getByRole("button", { name: "Make the account" }).click();
    await page.waitForURL("/");
    await hydrated(page);
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("Overview");
  });

  await test.step("add a database by its path", async () => {
    await page.getByRole("link", { name: "Databases", exact: true }).first().click();
    await page.getByRole("link", { name: "Add a database" }).first().click();
    await page.getByLabel("Path of the SQLite file on this machine").fill(shop);
    await page.getByRole("button", { name: "Add the database" }).click();
    await page.waitForURL("/databases/shop");
    await expect(page.getByRole("heading", { level: 1 })).toContainText("shop");
  });

  let backup = "";
  await test.step("create a backup from the button", async () => {
    await open(page, "/backups/new?db=shop");
    await page.getByLabel("Description").fill("before the move");
    await page.getByLabel("Tags").fill("move, v2");
    await begins(page, () => page.getByRole("button", { name: "Create backup" }).click());
    await done(page);
    await page.getByRole("link", { name: "See the backup" }).click();
    await page.waitForURL(/\/backups\/shop_manual_/);
    backup = page.url().split("/").pop()!;
  });

  await test.step("its page shows what it is and how it was proven", async () => {
    await expect(page.getByRole("heading", { level: 1 })).toContainText(backup);
    await expect(badge(page, "Good")).toBeVisible();
    await expect(page.getByText("before the move").first()).toBeVisible();
    for (const check of ["file_existence", "checksum_validation", "decompression_test", "sqlite_integrity_check", "foreign_key_check", "row_counts"]) {
      await expect(page.getByRole("row").filter({ hasText: check })).toContainText("passed");
    }
    await expect(page.getByRole("row").filter({ has: page.getByText("orders", { exact: true }) })).toContainText(/2[\s,]?000/);
  });

  await test.step("it stands in the list with kind, state and size", async () => {
    await page.getByRole("link", { name: "Backups", exact: true }).first().click();
    const row = page.getByRole("row").filter({ has: page.locator(`a[href="/backups/${backup}"]`) });
    await expect(row).toContainText("manual");
    await expect(badge(row, "Good")).toBeVisible();
    await expect(row).toContainText(/\d kB|\d MB/);
    // What else can be done with it folds out of its row, and in again when one looks elsewhere.
    await row.getByText("⋯").click();
    await expect(row.getByRole("link", { name: "Delete…" })).toHaveAttribute("href", `/backups/${backup}?confirm=delete`);
    await expect(row.getByRole("link", { name: "Download archive" })).toBeInViewport();
    await page.getByRole("heading", { level: 1 }).click();
    await expect(row.getByRole("link", { name: "Download archive" })).toBeHidden();
    await row.locator(`a[href="/backups/${backup}"]`).first().click();
    await page.waitForURL(`/backups/${backup}`);
  });

  await test.step("its archive is downloaded, and is whole", async () => {
    await page.getByText("Download", { exact: true }).click();
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: /^Archive/ }).click()]);
    const file = keepstone.path("downloaded.zip");
    await download.saveAs(file);
    expect((await readFile(file)).subarray(0, 2).toString()).toBe("PK");
    const verified = await keepstone.cli("verify", file, "--json");
    expect(verified.code, verified.stdout + verified.stderr).toBe(0);
  });

  await test.step("verify it again", async () => {
    await begins(page, () => page.getByRole("button", { name: "Verify" }).click());
    await done(page);
  });

  await test.step("try a restore of it, which the Overview counts", async () => {
    await open(page, "/");
    await expect(page.locator(".count").filter({ hasText: "Restored in a test within 7 days" })).toContainText("0/1");
    await open(page, `/backups/${backup}`);
    await begins(page, () => page.getByRole("button", { name: "Test a restore" }).click());
    await done(page);
    await open(page, "/");
    await expect(page.locator(".count").filter({ hasText: "Restored in a test within 7 days" })).toContainText("1/1");
    await open(page, `/backups/${backup}`);
    await expect(page.getByRole("row").filter({ hasText: "test_restore" })).toContainText("passed");
  });

  await test.step("restore it into a new file", async () => {
    await open(page, `/backups/${backup}/restore`);
    const target = keepstone.path("copy of shop.db");
    await page.getByLabel("Path of the new file, on the server").fill(target);
    await page.getByRole("button", { name: "Show the impact" }).click();
    await expect(page.getByText("The live database stays as it is").first()).toBeVisible();
    await begins(page, () => page.getByRole("button", { name: "Restore into the new file" }).click());
    await done(page);
    await expect(page.getByText(target).first()).toBeVisible();
    expect(await sqlite.orders(target)).toBe(2000);
  });

  let restore = "";
  await test.step("restore it over the live database, while an application writes", async () => {
    const writer = await sqlite.writer(shop);
    await expect.poll(() => writer.commits).toBeGreaterThan(20);
    await sqlite.execute(shop, "DELETE FROM orders WHERE id <= 1000");

    await open(page, `/backups/${backup}/restore?into=replace`);
    await expect(page.getByText(/You will lose what changed/)).toBeVisible();
    await expect(page.getByRole("row").filter({ hasText: "orders" }).first()).toContainText(/2[\s,]?000/);
    await page.getByRole("link", { name: "Go on to confirm" }).click();
    await page.getByLabel("Type shop to replace it").fill("shop");
    restore = await begins(page, () => page.getByRole("button", { name: "Replace shop" }).click());
    await done(page);

    await writer.moved(); // with the connection that it had all the while
    expect(writer.errors).toEqual([]);
    await writer.stop();
    expect(await sqlite.value(shop, "SELECT count(*) FROM orders WHERE id <= 2000")).toBe("2000");
    expect(await sqlite.value(shop, "PRAGMA integrity_check")).toBe("ok");
    expect(await sqlite.value(shop, "SELECT count(*) FROM orders WHERE note = 'from the writer'")).not.toBe("0");
  });

  await test.step("undo it", async () => {
    await page.getByRole("link", { name: /^Undo/ }).click();
    await page.waitForURL(`/jobs/${restore}/undo`);
    await begins(page, () => page.getByRole("button", { name: "Undo: back to the state before" }).click());
    await done(page);
    expect(await sqlite.value(shop, "SELECT count(*) FROM orders WHERE id <= 1000")).toBe("0");
    expect(await sqlite.value(shop, "SELECT count(*) > 20 FROM orders WHERE note = 'from the writer'")).toBe("1");
  });

  await test.step("delete it into the trash, and put it back", async () => {
    await keepstone.backUp("shop"); // the newest good one of a database never goes
    await open(page, `/backups/${backup}`);
    await page.getByRole("link", { name: "Delete…" }).click();
    await page.getByRole("button", { name: "Move backup to the trash" }).click();
    await expect(page.getByText("This backup is in the trash")).toBeVisible();
    await open(page, "/backups");
    await expect(page.locator(`a[href="/backups/${backup}"]`)).toHaveCount(0);
    await open(page, "/trash");
    await page.getByRole("row").filter({ has: page.locator(`a[href="/backups/${backup}"]`) }).getByRole("button", { name: "Put back" }).click();
    await expect.poll(async () => (await keepstone.ok("show", backup))[0].state).toBe("complete");
    expect((await keepstone.cli("verify", backup)).code).toBe(0);
  });

  await test.step("all of it is in the activity log, whose chain is whole", async () => {
    await open(page, "/activity");
    await expect(badge(page, "Chain intact")).toBeVisible();
    expect((await keepstone.cli("activity", "verify")).code).toBe(0);
  });
});
