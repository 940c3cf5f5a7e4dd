// People: one is added by a link and sets a password, gets another role, is seen signed in, and is shut out; one's own password and sessions;
// the password asked for once more; emptying the trash. With and without JavaScript.
import { ADMIN, expect, hydrated, test } from "../fixtures.ts";
import type { Page } from "@playwright/test";

const PASSWORD = "another horse battery staple";

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "with JavaScript" : "without JavaScript", () => {
    test.use({ javaScriptEnabled });
    const there = async (page: Page) => { if (javaScriptEnabled) await hydrated(page); };

    test("a person is added, signs in, gets another role, and is removed", async ({ admin, browser, keepstone, watch }) => {
      watch.expected(/\/settings\/people/, /status of 4\d\d/);
      await admin.goto("/settings");
      await there(admin);
      await admin.getByRole("link", { name: "Add a person" }).click();
      await admin.waitForURL("/settings/people/new");
      await there(admin);
      await admin.getByLabel("Name", { exact: true }).fill("bert");
      await admin.getByLabel("Role").selectOption("viewer");
      await admin.getByRole("button", { name: "Add the person" }).click();
      await admin.waitForURL(/\/settings\/people\/bert\?made=/);
      const link = (await admin.locator(".secret code").textContent())!;
      expect(link).toContain(`${keepstone.url}/setup?token=`);
      await admin.reload();
      await expect(admin.getByText("This link was shown already")).toBeVisible();

      // Bert's own browser.
      const context = await browser.newContext({ javaScriptEnabled, baseURL: keepstone.url });
      const bert = await context.newPage();
      await bert.goto(link);
      await expect(bert.getByRole("heading", { level: 1 })).toHaveText("Set your password");
      await bert.getByLabel("Password").fill(PASSWORD);
      await bert.getByRole("button", { name: "Set the password" }).click();
      await bert.waitForURL("/");
      await expect(bert.getByRole("button", { name: /bert/ })).toBeVisible();
      expect((await bert.goto("/settings"))!.status()).toBe(403);
      expect((await bert.goto("/backups/new"))!.status()).toBe(403);

      // A role counts from the next request on.
      await admin.goto("/settings/people/bert");
      await there(admin);
      await expect(admin.getByRole("region", { name: "Sessions" })).toContainText("Chrome on Linux");
      await admin.getByLabel("Role").selectOption("operator");
      await admin.getByRole("button", { name: "Save the role" }).click();
      await expect(admin.locator("#f-role option[selected]")).toHaveAttribute("value", "operator");
      expect((await bert.goto("/backups/new"))!.status()).toBe(200);

      await there(admin);
      await admin.getByRole("button", { name: "Disable the account" }).click();
      await expect(admin.locator("h1 + .badge")).toContainText("disabled");
      await bert.goto("/backups");
      expect(new URL(bert.url()).pathname).toBe("/login");
      await bert.getByLabel("Name").fill("bert");
      await bert.getByLabel("Password").fill(PASSWORD);
      await bert.getByRole("button", { name: "Sign in" }).click();
      await expect(bert.getByText("This account is disabled")).toBeVisible();
      await context.close();

      await there(admin);
      await admin.getByRole("link", { name: "Remove bert…" }).click();
      await admin.getByRole("button", { name: "Remove bert" }).click();
      await admin.waitForURL("/settings");
      await expect(admin.getByRole("region", { name: "People" })).not.toContainText("bert");
      const events = (await keepstone.ok("activity", "list")).map(event => event.action);
      expect(events).toEqual(expect.arrayContaining(["user.added", "user.link_made", "user.role_changed", "user.disabled", "user.removed"]));

      // Nobody shuts themselves out by a slip.
      await admin.goto(`/settings/people/${ADMIN.name}`);
      await expect(admin.getByText("This is your own account.")).toBeVisible();
      await expect(admin.getByRole("button", { name: /Disable|Save the role/ })).toHaveCount(0);
    });

    test("the own password is changed, and other sessions end", async ({ admin, browser, keepstone }) => {
      const context = await browser.newContext({ javaScriptEnabled, baseURL: keepstone.url });
      const other = await context.newPage();
      await other.goto("/login");
      await other.getByLabel("Name").fill(ADMIN.name);
      await other.getByLabel("Password").fill(ADMIN.password);
      await other.getByRole("button", { name: "Sign in" }).click();
      await other.waitForURL("/");

      await admin.goto("/account");
      await there(admin);
      await expect(admin.getByRole("region", { name: "Sessions" }).getByRole("row")).toHaveCount(3);
      await expect(admin.getByRole("row").filter({ hasText: "this one" })).toHaveCount(1);
      await admin.getByLabel("Present password").fill("not this one at all");
      await admin.getByLabel("New password").fill(PASSWORD);
      await admin.getByRole("button", { name: "Change the password" }).click();
      await expect(admin.getByText("This is not your present password.")).toBeVisible();
      expect(admin.url()).not.toContain("horse");
      await there(admin);
      await admin.getByLabel("Present password").fill(ADMIN.password);
      await admin.getByLabel("New password").fill(PASSWORD);
      await admin.getByRole("button", { name: "Change the password" }).click();
      await expect(admin.getByText("Your password is changed")).toBeVisible();
      await other.goto("/backups");
      expect(new URL(other.url()).pathname).toBe("/login");
      await context.close();
    });

    test("what a removed database has in the trash is shown with it", async ({ admin, keepstone, sqlite }) => {
      await keepstone.protect(await sqlite.shop());
      const trashed = await keepstone.backUp("shop");
      await keepstone.backUp("shop");
      await keepstone.ok("delete", trashed, "--yes");
      await keepstone.ok("db", "remove", "shop", "--yes");
      await admin.goto("/trash");
      await there(admin);
      await expect(admin.getByText("The trash is empty")).toHaveCount(0);
      await expect(admin.getByRole("heading", { name: "Of databases that were removed" })).toBeVisible();
      await expect(admin.getByRole("row", { name: /^shop 1 backup/ })).toBeVisible();
    });

    test("the trash is emptied for good, and asks for the word", async ({ admin, keepstone, sqlite }) => {
      await keepstone.protect(await sqlite.shop());
      const trashed = await keepstone.backUp("shop");
      await keepstone.backUp("shop");
      await keepstone.ok("delete", trashed, "--yes");
      await admin.goto("/trash");
      await there(admin);
      await admin.getByRole("link", { name: "Empty the trash…" }).click();
      await admin.getByLabel("Type empty to remove them").fill("empty");
      await admin.getByRole("button", { name: /^Remove 1 backup/ }).click();
      await expect(admin.getByText("The trash is empty")).toBeVisible();
      expect(await keepstone.ok("trash", "list")).toEqual([]);
    });
  });
}

test("after ten minutes the password is asked for once more, and the way leads back", async ({ admin, keepstone, sqlite }) => {
  await keepstone.protect(await sqlite.shop());
  await keepstone.backUp("shop");
  const backup = await keepstone.backUp("shop");
  await sqlite.execute(`${keepstone.data}/catalog.sqlite`, "UPDATE sessions SET authenticated_at = authenticated_at - 601000");
  await admin.goto(`/backups/${backup}`);
  await hydrated(admin);
  await admin.getByRole("link", { name: "Delete…" }).click();
  await admin.getByRole("button", { name: "Move backup to the trash" }).click();
  await admin.waitForURL(/\/confirm\?next=/);
  await hydrated(admin);
  expect((await keepstone.ok("show", backup))[0].state).toBe("complete");
  await admin.getByLabel("Password").fill(ADMIN.password);
  await admin.getByRole("button", { name: "Go on" }).click();
  await admin.waitForURL(`/backups/${backup}`);
  await hydrated(admin);
  await admin.getByRole("link", { name: "Delete…" }).click();
  await admin.getByRole("button", { name: "Move backup to the trash" }).click();
  await expect(admin.getByText("This backup is in the trash")).toBeVisible();
});
