// A backup that lost rows alarms on the Overview, holds the older ones, and is acknowledged on its page, with and without scripts.
import { expect, test } from "../fixtures.ts";

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "with JavaScript" : "without JavaScript", () => {
    test.use({ javaScriptEnabled });

    test("a loss is seen, looked at and acknowledged", async ({ admin, keepstone, sqlite }) => {
      const file = await sqlite.shop("shop.db", 300);
      await keepstone.protect(file);
      const good = await keepstone.backUp("shop");
      await sqlite.execute(file, "DELETE FROM orders WHERE id > 20");
      expect((await keepstone.cli("create", "shop")).code).toBe(4);

      await admin.goto("/");
      const hero = admin.getByRole("region", { name: /at risk/ });
      await expect(hero).toContainText("table orders has");
      await hero.getByRole("link", { name: "See the suspect backup" }).click();
      await expect(admin.getByText("The database lacked what an earlier backup had")).toBeVisible();
      const suspect = new URL(admin.url()).pathname;

      // The older good one is held.
      await admin.goto(`/backups/${good}?confirm=delete`);
      await expect(admin.getByText(/acknowledge that one first/)).toBeVisible();

      await admin.goto(suspect);
      await admin.getByLabel(/Why it is all right/).fill("moved to the archive");
      await admin.getByRole("button", { name: "Acknowledge" }).click();
      await expect(admin.getByText(/Acknowledged\. By anna, .*: moved to the archive\./)).toBeVisible();
      await admin.goto("/");
      await expect(admin.getByRole("heading", { name: "shop is protected" })).toBeVisible();
      await admin.goto("/activity");
      await expect(admin.getByText(/moved to the archive/).first()).toBeVisible();
    });

    test("what counts as a loss, and auto-recovery, are set on the database's page", async ({ admin, keepstone, sqlite }) => {
      await keepstone.protect(await sqlite.shop());
      await admin.goto("/databases/shop");
      if (javaScriptEnabled) await expect(admin.locator("html")).toHaveAttribute("data-hydrated", /.*/);
      await admin.getByText("Change the settings of shop").click();
      await admin.getByLabel(/^Auto-recovery/).check();
      await admin.getByLabel("A table lost rows").fill("30%");
      await admin.getByLabel("Other shares by table").fill("orders=off");
      await admin.getByRole("button", { name: "Save the settings" }).click();
      await expect(admin.getByText("more than 30 % of a table's rows; orders: not looked at")).toBeVisible();
      const [shop] = await keepstone.ok("db", "show", "shop");
      expect([shop.auto_recovery, shop.loss]).toEqual([true, { share_percent: 30, tables: { orders: null } }]);
    });
  });
}
