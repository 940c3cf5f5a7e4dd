// The console's story for a PostgreSQL database: added by its URL, backed up, verified, exported, restored beside the live one and in its place,
// undone. What is wrong with a URL is said at its field.
import { readFile } from "node:fs/promises";
import { badge, begins, done, expect, open, test } from "../fixtures.ts";

test("a PostgreSQL database from its URL to an undone restore", async ({ admin: page, keepstone, postgres }) => {
  test.setTimeout(180_000);
  await postgres.shop("shop");

  await test.step("a wrong password is said, and nothing is kept of it", async () => {
    await open(page, "/databases/new");
    await page.getByLabel(/URL of the PostgreSQL database/).fill(postgres.url("shop"));
    await page.getByLabel("Password of the URL's user").fill("wrong");
    await page.getByRole("button", { name: "Add the database" }).click();
    await expect(page.getByText(/does not let postgres in/)).toBeVisible();
    expect(await keepstone.ok("db", "list")).toEqual([]);
  });

  await test.step("add it by its URL", async () => {
    await open(page, "/databases/new");
    await page.getByLabel(/URL of the PostgreSQL database/).fill(postgres.url("shop"));
    await page.getByLabel("Password of the URL's user").fill(postgres.password);
    await page.getByRole("button", { name: "Add the database" }).click();
    await page.waitForURL("/databases/shop");
    await expect(page.getByText(postgres.url("shop")).first()).toBeVisible();
    await expect(page.getByText("PostgreSQL", { exact: true })).toBeVisible();
    // A server recovers its databases itself.
    await expect(page.getByText("Auto-recovery")).toHaveCount(0);
    expect(await page.content()).not.toContain("s3cret");
  });

  let backup = "";
  await test.step("create a backup from the button", async () => {
    await begins(page, () => page.getByRole("button", { name: "Back up shop" }).click());
    await done(page);
    await page.getByRole("link", { name: "See the backup" }).click();
    await page.waitForURL(/\/backups\/shop_manual_/);
    backup = page.url().split("/").pop()!;
  });

  await test.step("its page shows what it is, and how it was proven", async () => {
    await expect(badge(page, "Good")).toBeVisible();
    for (const check of ["file_existence", "checksum_validation", "decompression_test", "dump_contents", "row_counts"]) {
      await expect(page.getByRole("row").filter({ hasText: check })).toContainText("passed");
    }
    await expect(page.getByRole("row").filter({ has: page.getByText("orders", { exact: true }) })).toContainText(/2[\s,]?000/);
    await expect(page.getByText('audit."Log"').first()).toBeVisible();
  });

  await test.step("it stands in the list, and its database is protected", async () => {
    await open(page, "/backups");
    const row = page.getByRole("row").filter({ has: page.locator(`a[href="/backups/${backup}"]`) });
    await expect(badge(row, "Good")).toBeVisible();
    await open(page, "/databases");
    await expect(badge(page.getByRole("row").filter({ hasText: "shop" }), "Protected")).toBeVisible();
  });

  await test.step("verify it", async () => {
    await open(page, `/backups/${backup}`);
    await begins(page, () => page.getByRole("button", { name: "Verify" }).click());
    await done(page);
  });

  await test.step("its rows are exported, without what looks sensitive", async () => {
    await open(page, `/backups/${backup}/export`);
    await expect(page.getByRole("row").filter({ hasText: "customers" })).toContainText("password_hash");
    await page.getByRole("combobox", { name: "Format" }).selectOption("sql");
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Export and download" }).click()]);
    const file = keepstone.path("rows.sql");
    await download.saveAs(file);
    const script = await readFile(file, "utf8");
    expect(script).toContain("COPY public.orders");
    expect(script).not.toContain("c4ca4238a0b923820dcc509a6f75849b"); // the hash of customer 1
  });

  await test.step("restore it into a new database", async () => {
    await open(page, `/backups/${backup}/restore`);
    await page.getByLabel(/Name of the new database/).fill("Shop, again");
    await page.getByRole("button", { name: "Show the impact" }).click();
    await expect(page.getByText("The live database stays as it is").first()).toBeVisible();
    await begins(page, () => page.getByRole("button", { name: "Restore into the new database" }).click());
    await done(page);
    await expect(page.getByText("Shop%2C%20again").first()).toBeVisible();
    expect(await postgres.psql("Shop, again", "SELECT count(*) FROM orders")).toBe("2000");
  });

  let restore = "";
  await test.step("restore it in the live one's place, whose application is connected", async () => {
    await postgres.application("shop", "shop-web");
    await postgres.psql("shop", "DELETE FROM orders WHERE id <= 1500; INSERT INTO customers VALUES (100, 'late')");
    await open(page, `/backups/${backup}/restore?into=replace`);
    await expect(page.getByText(/You will lose what changed/)).toBeVisible();
    await expect(page.getByText(/1 of shop-web \(postgres\)/)).toBeVisible();
    await expect(page.getByRole("row").filter({ hasText: "orders" }).first()).toContainText("500");
    await page.getByRole("link", { name: "Go on to confirm" }).click();
    await page.getByLabel("Type shop to replace it").fill("shop");
    restore = await begins(page, () => page.getByRole("button", { name: "Replace shop" }).click());
    await done(page);
    expect(await postgres.psql("shop", "SELECT count(*) FROM orders")).toBe("2000");
    await expect(page.getByText(/kept on the server as shop_before_/)).toBeVisible();
  });

  await test.step("undo it", async () => {
    await page.getByRole("link", { name: /^Undo/ }).click();
    await page.waitForURL(`/jobs/${restore}/undo`);
    await expect(page.getByRole("row").filter({ hasText: "orders" }).first()).toContainText(/2[\s,]?000\s*500\s*1[\s,]?500/);
    await begins(page, () => page.getByRole("button", { name: "Undo: back to the state before" }).click());
    await done(page);
    await expect(page.getByText("the database before is in its place again")).toBeVisible();
    expect(await postgres.psql("shop", "SELECT count(*) FROM orders")).toBe("500");
  });

  await test.step("no page and no file holds the password", async () => {
    expect((await keepstone.cli("activity", "list", "--json")).stdout + keepstone.stderr).not.toContain("s3cret");
  });
});
