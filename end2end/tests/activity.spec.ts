// The activity log: filtered by database, person and result, each at an address of its own; and what is filtered, as a file.
import { readFile } from "node:fs/promises";
import { expect, hydrated, test } from "../fixtures.ts";

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "with JavaScript" : "without JavaScript", () => {
    test.use({ javaScriptEnabled });

    test("what somebody did is found, and taken along", async ({ admin, keepstone, sqlite }) => {
      const shop = await sqlite.shop();
      await keepstone.protect(shop);
      await keepstone.backUp("shop");
      await sqlite.move(shop, `${shop}.away`);
      expect((await keepstone.cli("create", "shop")).code).toBe(3);
      await admin.goto("/activity");
      if (javaScriptEnabled) await hydrated(admin);
      const results = admin.getByRole("table").locator("td.t-state");
      await expect(results.filter({ hasText: "OK" })).not.toHaveCount(0);
      await admin.getByLabel("Who").fill("CLI:");
      await admin.getByLabel("Result").selectOption("Failed");
      await admin.getByRole("main").getByRole("button", { name: "Filter" }).click();
      await expect(admin).toHaveURL("/activity?db=&who=CLI%3A&result=failed");
      await expect(results).toHaveText([/Failed/]);
      await expect(admin.getByLabel("Who")).toHaveValue("CLI:");

      await admin.getByText("Export", { exact: true }).click();
      for (const format of ["CSV", "JSON"]) {
        const [download] = await Promise.all([admin.waitForEvent("download"), admin.getByRole("link", { name: format }).click()]);
        expect(download.suggestedFilename()).toMatch(new RegExp(`^activity_\\d{8}T\\d{6}Z\\.${format.toLowerCase()}$`));
        const text = await readFile((await download.path())!, "utf8");
        if (format === "CSV") expect(text.trim().split("\r\n")).toEqual([expect.stringContaining('"number","at"'), expect.stringContaining("does not exist")]);
        else expect(JSON.parse(text)).toEqual([expect.objectContaining({ action: "backup.failed", result: "failed", database: "shop" })]);
      }

      await admin.goto("/activity?who=nobody");
      await expect(admin.getByText("No event fits this filter")).toBeVisible();
      await admin.getByRole("link", { name: "Show all events" }).click();
      await expect(admin).toHaveURL("/activity");
      await expect(results.filter({ hasText: "Failed" })).toHaveCount(1);
    });
  });
}
