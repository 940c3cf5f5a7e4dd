// Encryption from the console: asked for per backup or per database, never skipped, and opened again by whatever restores.
import { writeFile, rm } from "node:fs/promises";
import { begins, done, expect, test } from "../fixtures.ts";

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "with JavaScript" : "without JavaScript", () => {
    test.use({ javaScriptEnabled });

    test("a backup is encrypted where that is asked for, and restored", async ({ admin, keepstone, sqlite }) => {
      const path = await sqlite.shop();
      await keepstone.protect(path);
      await writeFile(keepstone.path("password.txt"), "tea for two and two for tea\n");
      const [key] = await keepstone.ok("key", "add", "--kdf", "pbkdf2", "--password-file", keepstone.path("password.txt"));
      await rm(keepstone.path("password.txt"));

      await admin.goto("/backups/new?db=shop");
      await admin.getByText("Compression and encryption").click();
      await admin.getByLabel("Encryption").selectOption("encrypt");
      await begins(admin, () => admin.getByRole("button", { name: "Create backup" }).click());
      await done(admin);
      const [backup] = await keepstone.ok("list", "shop");
      await admin.goto(`/backups/${backup.id}`);
      await expect(admin.getByText(`yes: AES-256-GCM, key ${key.id} (pbkdf2-hmac-sha256)`)).toBeVisible();

      // Over the live database, and its safety backup is what the database's own setting says.
      await sqlite.execute(path, "DELETE FROM orders");
      await admin.goto(`/backups/${backup.id}/restore?into=replace`);
      await admin.getByRole("link", { name: "Go on to confirm" }).click();
      await admin.getByLabel("Type shop to replace it").fill("shop");
      await begins(admin, () => admin.getByRole("button", { name: "Replace shop" }).click());
      await done(admin);
      expect(Number(await sqlite.value(path, "SELECT count(*) FROM orders"))).toBeGreaterThan(0);
    });

    test("a wish for encryption without a password is refused before anything is written", async ({ admin, keepstone, sqlite, watch }) => {
      watch.expected(/databases\/edit/, /backups\/create/, /status of 4\d\d/, /^4\d\d:/);
      await keepstone.protect(await sqlite.shop());
      await admin.goto("/databases/shop");
      await admin.getByText("Change the settings of shop").click();
      await admin.getByLabel(/^Encrypt its backups/).check();
      await admin.getByRole("button", { name: "Save the settings" }).click();
      await expect(admin.getByText(/asks for encryption, and there is no password/).first()).toBeVisible();
      expect((await keepstone.ok("db", "show", "shop"))[0].encrypt).toBe(false);

      await admin.goto("/backups/new?db=shop");
      await admin.getByText("Compression and encryption").click();
      await admin.getByLabel("Encryption").selectOption("encrypt");
      await admin.getByRole("button", { name: "Create backup" }).click();
      await expect(admin.getByText(/asks for encryption, and there is no password/).first()).toBeVisible();
      expect(await keepstone.ok("list", "shop")).toEqual([]);
    });
  });
}
