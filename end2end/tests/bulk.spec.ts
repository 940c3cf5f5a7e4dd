// Several backups at once, and the calendar; with and without JavaScript.
import { expect, hydrated, test } from "../fixtures.ts";

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "with JavaScript" : "without JavaScript", () => {
    test.use({ javaScriptEnabled });

    test("backups are ticked, pinned and deleted together", async ({ admin, keepstone, sqlite }) => {
      await keepstone.protect(await sqlite.shop());
      const [one, two, three] = [await keepstone.backUp("shop"), await keepstone.backUp("shop"), await keepstone.backUp("shop")];
      await admin.goto("/backups");
      if (javaScriptEnabled) await hydrated(admin);
      for (const id of [one, two, three]) await admin.getByLabel(`Select ${id}`).check();
      if (javaScriptEnabled) {
        const tally = admin.getByRole("status").filter({ hasText: "selected" });
        await expect(tally).toHaveText(/^3 selected, \d+\.\d kB$/);
        const all = admin.getByLabel("Select all on this page");
        await expect(all).toBeChecked();
        await all.uncheck();
        await expect(admin.getByText(/selected,/)).toHaveCount(0);
        await admin.getByLabel(`Select ${two}`).check();
        await expect(tally).toHaveText(/^1 selected, /);
        await all.check();
        await expect(tally).toHaveText(/^3 selected, /);
      }
      await admin.getByRole("button", { name: "Go on with the ticked ones…" }).click();
      await expect(admin.getByRole("heading", { level: 1 })).toHaveText(/^3 selected, \d/);
      await expect(admin).toHaveURL(new RegExp(`ids=${one}`));
      if (javaScriptEnabled) await hydrated(admin);
      // The newest good one stays whatever was ticked.
      await admin.getByRole("button", { name: /^Move 2 backups, .* to the trash$/ }).click();
      await expect(admin.getByText("is in the trash")).toHaveCount(2);
      await admin.goto(`/backups/selected?ids=${three}`);
      if (javaScriptEnabled) await hydrated(admin);
      await admin.getByRole("button", { name: "Pin 1" }).click();
      await expect(admin.getByText("pinned", { exact: true })).toBeVisible();
      expect((await keepstone.ok("show", three))[0]).toMatchObject({ state: "complete", pinned: true });
      expect((await keepstone.ok("trash", "list")).map(backup => backup.id).sort()).toEqual([one, two].sort());
      if (javaScriptEnabled) await hydrated(admin);
      await admin.getByRole("button", { name: "Verify 1" }).click();
      await admin.waitForURL("/jobs");
      await expect(admin.getByRole("row").filter({ hasText: "Verification of shop" })).toHaveCount(1);
    });

    test("the calendar leads to the backups of a day", async ({ admin, keepstone, sqlite }) => {
      await keepstone.protect(await sqlite.shop());
      const backup = await keepstone.backUp("shop");
      await admin.goto("/backups");
      if (javaScriptEnabled) await hydrated(admin);
      await admin.getByRole("link", { name: "Calendar" }).click();
      await admin.waitForURL(/view=calendar/);
      if (javaScriptEnabled) await hydrated(admin);
      const today = admin.locator("td[aria-current=date]");
      await expect(today).toContainText("1 good");
      await today.getByRole("link").click();
      await expect(admin).toHaveURL(/from=\d{4}-\d\d-\d\d&to=/);
      await expect(admin.locator(`a[href="/backups/${backup}"]`).first()).toBeVisible();
      await admin.goto("/backups?view=calendar&month=2020-02&db=shop");
      await expect(admin.getByRole("heading", { level: 2, name: "February 2020" })).toBeVisible();
      await admin.goto("/backups?view=calendar&month=nonsense");
      await expect(admin.locator("td[aria-current=date]")).toHaveCount(1);
    });
  });
}
