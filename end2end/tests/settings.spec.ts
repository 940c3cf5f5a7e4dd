// The settings page: a token is made, shown once, works, is listed, and is revoked; with and without JavaScript. For admins only.
import { expect, hydrated, test } from "../fixtures.ts";

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "with JavaScript" : "without JavaScript", () => {
    test.use({ javaScriptEnabled });

    test("a token is made, shown once, used and revoked", async ({ admin: page, keepstone, sqlite }) => {
      await keepstone.protect(await sqlite.shop());
      await page.goto("/settings");
      if (javaScriptEnabled) await hydrated(page);
      await expect(page.getByRole("heading", { level: 1 })).toHaveText("Settings");
      await expect(page).toHaveTitle("Settings · Keepstone");
      await expect(page.getByRole("region", { name: "System" })).toContainText("SQLite 3.");
      await expect(page.getByRole("region", { name: "General" })).toContainText("compressed with zstd, read back and checked");
      await expect(page.getByRole("region", { name: "Security" })).toContainText("0 of 1 people have switched it on");
      await expect(page.getByRole("region", { name: "People" })).toContainText("anna");

      await page.getByRole("link", { name: "Make a token" }).click();
      await expect(page.getByRole("heading", { level: 1 })).toHaveText("Make a token");
      if (javaScriptEnabled) await hydrated(page);
      await page.getByLabel("Name", { exact: true }).fill("deploy");
      await page.getByRole("button", { name: "Make the token" }).click();
      await expect(page.getByText("Tick what it may do")).toBeVisible();
      if (javaScriptEnabled) await hydrated(page);
      await page.getByLabel("Name", { exact: true }).fill("deploy");
      await page.getByLabel("create", { exact: false }).check();
      await page.getByLabel("Only these databases").fill("shop");
      await page.getByRole("button", { name: "Make the token" }).click();
      await page.waitForURL(/made=/);
      const secret = (await page.locator(".secret code").textContent())!;
      expect(secret).toMatch(/^kst_[0-9a-f]{64}$/);
      expect(page.url()).not.toContain(secret);
      const call = (path: string) => fetch(`${keepstone.url}/api/v1${path}`, { headers: { authorization: `Bearer ${secret}` } });
      expect((await call("/databases/shop")).status).toBe(200);
      expect((await call("/keys")).status).toBe(403);

      await page.reload();
      await expect(page.getByText("This token was shown already")).toBeVisible();
      await expect(page.locator("body")).not.toContainText(secret);
      const row = page.getByRole("row").filter({ hasText: "deploy" });
      await expect(row).toContainText("shop");
      // Last used, expires, made: it is known that it was used.
      await expect(row.locator("time")).toHaveCount(3);

      if (javaScriptEnabled) await hydrated(page);
      await row.getByRole("link", { name: "Revoke…" }).click();
      await page.getByRole("button", { name: "Revoke deploy" }).click();
      await expect(page.getByText("No program calls in")).toBeVisible();
      expect((await call("/databases/shop")).status).toBe(401);
      expect((await keepstone.ok("activity", "list")).map(event => event.action)).toEqual(expect.arrayContaining(["token.created", "token.revoked"]));
    });
  });
}
