// The keyboard shortcuts: what they do, that they leave alone what is typed, and that they can be switched off.
import { expect, hydrated, open, test } from "../fixtures.ts";

test("single keys lead through the console, and never while one types", async ({ admin, keepstone, sqlite }) => {
  await keepstone.protect(await sqlite.shop());
  await keepstone.backUp("shop");
  await open(admin, "/");
  const help = admin.getByRole("dialog", { name: "Keyboard shortcuts" });
  await admin.keyboard.press("?");
  await expect(help).toBeVisible();
  await expect(help).toContainText("Create a backup");
  // In the dialog the keys are its own.
  await admin.keyboard.press("c");
  await admin.keyboard.press("Escape");
  await expect(help).toBeHidden();
  await expect(admin).toHaveURL(/\/$/);

  for (const [keys, path, heading] of [["gb", "/backups", "Backups"], ["gt", "/storage", "Storage"], ["ge", "/settings", "Settings"], ["c", "/backups/new", "Create a backup"]]) {
    for (const key of keys) await admin.keyboard.press(key);
    await admin.waitForURL(path);
    await expect(admin.getByRole("heading", { level: 1, name: heading })).toBeFocused();
  }

  await open(admin, "/backups");
  const field = admin.getByRole("searchbox", { name: "id, description, tag" }).or(admin.locator("main input[name=q]")).first();
  await field.click();
  await admin.keyboard.type("gd?c/");
  await expect(field).toHaveValue("gd?c/");
  await expect(help).toBeHidden();
  await expect(admin).toHaveURL("/backups");

  // Nor with a modifier: that is the browser's or the system's.
  await admin.getByRole("heading", { level: 1 }).click();
  await admin.keyboard.press("Control+g");
  await admin.keyboard.press("d");
  await expect(admin).toHaveURL("/backups");
});

test("they are listed in the menu and switched off in the account", async ({ admin }) => {
  await open(admin, "/");
  await admin.getByRole("button", { name: /^anna: account/ }).click();
  await admin.getByRole("button", { name: "Keyboard shortcuts" }).click();
  const help = admin.getByRole("dialog", { name: "Keyboard shortcuts" });
  await expect(help).toBeVisible();
  await help.getByRole("button", { name: "Close" }).click();
  await expect(help).toBeHidden();

  await open(admin, "/account");
  await admin.getByRole("button", { name: "Switch the shortcuts off" }).click();
  await expect(admin.getByRole("button", { name: "Switch the shortcuts on" })).toBeVisible();
  await hydrated(admin);
  await admin.keyboard.press("?");
  await admin.keyboard.press("g");
  await admin.keyboard.press("d");
  await expect(admin).toHaveURL("/account");
  await expect(help).toBeHidden();

  await admin.getByRole("button", { name: "Switch the shortcuts on" }).click();
  await expect(admin.getByRole("button", { name: "Switch the shortcuts off" })).toBeVisible();
  await hydrated(admin);
  await admin.keyboard.press("?");
  await expect(help).toBeVisible();
});
