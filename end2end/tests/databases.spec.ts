// A database's settings are changed on its page, by a form that needs no script.
import { expect, test } from "../fixtures.ts";

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "with JavaScript" : "without JavaScript", () => {
    test.use({ javaScriptEnabled });

    test("objective, never replace and pause are set and kept", async ({ admin, keepstone, sqlite, watch }) => {
      watch.expected(/databases\/edit/, /status of 422/, /^422:/);
      await keepstone.protect(await sqlite.shop());
      const backup = await keepstone.backUp("shop");
      await admin.goto("/databases/shop");
      if (javaScriptEnabled) await expect(admin.locator("html")).toHaveAttribute("data-hydrated", /.*/);
      await admin.getByText("Change the settings of shop").click();
      await admin.getByLabel("Objective").fill("a while");
      await admin.getByRole("button", { name: "Save the settings" }).click();
      await expect(admin.getByText(/is not a duration/).first()).toBeVisible();

      await admin.goto("/databases/shop");
      if (javaScriptEnabled) await expect(admin.locator("html")).toHaveAttribute("data-hydrated", /.*/);
      await admin.getByText("Change the settings of shop").click();
      await admin.getByLabel("Objective").fill("26h");
      await admin.getByLabel(/^Never replace it/).check();
      await admin.getByLabel(/^Pause it/).check();
      await admin.getByRole("button", { name: "Save the settings" }).click();
      await expect(admin.getByText("No schedule runs for this database.")).toBeVisible();
      const [shop] = await keepstone.ok("db", "show", "shop");
      expect([shop.objective_secs, shop.never_replace, shop.paused]).toEqual([26 * 3600, true, true]);
      await admin.goto(`/backups/${backup}/restore`);
      await expect(admin.getByText(/is marked "never replace"/)).toBeVisible();

      await admin.goto("/databases/shop");
      await admin.getByText("Change the settings of shop").click();
      await expect(admin.getByLabel("Objective")).toHaveValue("26h");
      await expect(admin.getByLabel(/^Pause it/)).toBeChecked();
    });
  });
}

test("backups are filtered by what they are worth", async ({ admin, keepstone, sqlite }) => {
  await keepstone.protect(await sqlite.shop());
  const [good, unproven] = [await keepstone.backUp("shop"), await keepstone.backUp("shop", "--no-verify")];
  for (const [state, shown, hidden] of [["good", good, unproven], ["unproven", unproven, good]]) {
    await admin.goto(`/backups?state=${state}`);
    await expect(admin.locator(`a[href="/backups/${shown}"]`).first()).toBeVisible();
    await expect(admin.locator(`a[href="/backups/${hidden}"]`)).toHaveCount(0);
  }
});
