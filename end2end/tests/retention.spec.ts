// Retention: a policy is tried on the real backups, saved, asked about where it removes many, and applied; what went comes back.
import { done, expect, hydrated, open, test } from "../fixtures.ts";

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "with JavaScript" : "without JavaScript", () => {
    test.use({ javaScriptEnabled });

    test("a policy is tried, asks before it removes many, and what went is put back", async ({ admin, keepstone, sqlite }) => {
      await keepstone.protect(await sqlite.shop("shop.db", 20));
      // Only what the person does here counts: the server's own cleanup is held.
      await keepstone.ok("retention", "schedule", "shop", "--pause");
      await keepstone.ok("retention", "set", "shop", "--daily-keep", "20");
      for (let count = 0; count < 8; count++) await keepstone.backUp("shop", "--type", "daily");
      const settled = () => (javaScriptEnabled ? hydrated(admin) : Promise.resolve());
      const rows = (word: string) => admin.getByRole("table", { name: "Every backup" }).locator("tbody tr").filter({ hasText: word });
      await admin.goto("/databases/shop");
      await admin.getByRole("link", { name: "20 daily, 4 weekly, 12 monthly" }).click();
      await expect(admin.getByRole("heading", { level: 1, name: "Retention of shop" })).toBeVisible();
      await settled();
      await expect(rows("Stays")).toHaveCount(8);
      await expect(rows("Stays").first()).toContainText("newest good");
      await expect(admin.getByRole("img", { name: /8 stay, 0 go/ })).toBeVisible();

      // Tried: at once where the program runs, else by the button; nothing is saved by it.
      await admin.getByLabel("Daily", { exact: true }).fill("3");
      if (!javaScriptEnabled) await admin.getByRole("button", { name: "Preview" }).click();
      await expect(rows("Goes")).toHaveCount(5);
      await expect(admin.getByText(/^Removed: 5 backups/)).toBeVisible();
      await expect(admin.getByText(/^In 30 days/)).toBeVisible();
      expect((await keepstone.ok("retention", "show", "shop"))[0].policy.daily).toBe(20);

      await admin.getByLabel("Daily", { exact: true }).fill("many");
      if (!javaScriptEnabled) await admin.getByRole("button", { name: "Preview" }).click();
      await expect(admin.getByText("There is no preview of this")).toBeVisible();

      // Saved: this one would remove five at once, so it asks.
      await admin.getByLabel("Daily", { exact: true }).fill("3");
      await admin.getByRole("button", { name: "Save policy" }).click();
      await expect(admin.getByText(/^This policy would remove 5 backups/)).toBeVisible();
      await settled();
      expect((await keepstone.ok("retention", "show", "shop"))[0].policy.daily).toBe(20);
      await admin.getByRole("button", { name: /^Save it and remove 5 backups/ }).click();
      await expect(admin.getByText("Saved: the next cleanups go by this policy")).toBeVisible();
      await settled();
      expect((await keepstone.ok("retention", "show", "shop"))[0].policy.daily).toBe(3);

      await admin.getByRole("link", { name: "Clean up now…" }).click();
      await admin.getByRole("dialog").getByRole("button", { name: /^Move 5 backups.*to the trash$/ }).click();
      await admin.waitForURL(/\/jobs\/j-/);
      await done(admin);
      expect((await keepstone.ok("list", "--state", "complete")).length).toBe(3);
      await admin.getByRole("link", { name: "To the trash" }).click();
      await settled();
      await admin.getByRole("button", { name: "Put back" }).first().click();
      await expect(admin).toHaveURL(/\/backups\/shop_daily_/);
      expect((await keepstone.ok("list", "--state", "complete")).length).toBe(4);
    });
  });
}

test("a viewer of the address sees the policy that it tries", async ({ admin, keepstone, sqlite }) => {
  await keepstone.protect(await sqlite.shop("shop.db", 20));
  for (let count = 0; count < 5; count++) await keepstone.backUp("shop", "--type", "daily");
  await open(admin, "/databases/shop/retention?try=1&daily=&max_count=4");
  await expect(admin.getByLabel("At most")).toHaveValue("4");
  await expect(admin.getByText("Preview of what you try")).toBeVisible();
  await expect(admin.getByRole("cell", { name: "more than 4 in all" })).toBeVisible();
  await admin.getByRole("link", { name: "Back to the stored policy" }).click();
  await expect(admin.getByText("What the policy does today")).toBeVisible();
});
