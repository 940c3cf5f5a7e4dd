// The search of everything, from the top bar on, with and without JavaScript; and what names that mean harm do there.
import { expect, hydrated, test } from "../fixtures.ts";

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "with JavaScript" : "without JavaScript", () => {
    test.use({ javaScriptEnabled });

    test("a backup is found from any page, by what it is called", async ({ admin, keepstone, sqlite }) => {
      await keepstone.protect(await sqlite.shop());
      const hostile = "</textarea><script>alert(1)</script> \u202Egnihton 🧱";
      const backup = await keepstone.backUp("shop", "--description", hostile, "--tag", "release-7");
      const find = async (text: string) => {
        const field = admin.getByRole("banner").getByRole("searchbox");
        await field.fill(text);
        await field.press("Enter");
        await expect(admin).toHaveURL(/\/search\?q=/);
        if (javaScriptEnabled) await hydrated(admin);
        await expect(admin.getByRole("heading", { level: 1, name: "Search" })).toBeVisible();
      };
      await admin.goto("/storage");
      if (javaScriptEnabled) await hydrated(admin);
      const main = admin.getByRole("main");
      for (const text of ["release-7", "textarea", backup]) {
        await find(text);
        await expect(main.getByRole("link", { name: backup })).toBeVisible();
        await expect(main.getByRole("searchbox")).toHaveValue(text);
      }
      await expect(main.getByText("gnihton")).toBeVisible();
      await find("shop");
      await main.getByRole("link", { name: "shop", exact: true }).click();
      await expect(admin).toHaveURL("/databases/shop");
      await find("<script>nothing");
      await expect(main.getByText("Nothing was found")).toBeVisible();
      await find("trash");
      await main.getByRole("link", { name: "Trash" }).click();
      await expect(admin).toHaveURL("/trash");
      expect(await admin.goto("/search").then(answer => answer!.status())).toBe(200);
      await expect(main.getByText("What are you looking for?")).toBeVisible();
    });
  });
}
