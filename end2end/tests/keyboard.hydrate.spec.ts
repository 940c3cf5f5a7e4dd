// The keyboard shortcuts: what they do, that they leave alone what is typed, and that they can be switched off.
import type { Page } from "@playwright/test";
import { ADMIN, done, expect, hydrated, open, test } from "../fixtures.ts";

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

/** Presses Tab until what has the focus is called so; every stop on the way must be seen. */
async function reach(page: Page, name: RegExp) {
  for (let presses = 0; presses < 60; presses++) {
    await page.keyboard.press("Tab");
    const now = await page.evaluate(() => {
      const element = document.activeElement as HTMLElement;
      const [style, box] = [getComputedStyle(element), element.getBoundingClientRect()];
      const label = (element as HTMLInputElement).labels?.[0]?.innerText;
      return { name: (element.getAttribute("aria-label") || label || element.innerText || element.tagName).trim(), seen: style.outlineStyle !== "none" && box.width > 0 };
    });
    expect(now.seen, `the focus on "${now.name}" is not seen`).toBe(true);
    if (name.test(now.name)) return;
  }
  throw new Error(`no Tab leads to ${name} on ${page.url()}`);
}

test("the keyboard alone leads from signing in to the undo of a restore", async ({ admin: page, keepstone, sqlite }) => {
  test.slow();
  const shop = await sqlite.shop();
  await keepstone.protect(shop);
  await keepstone.backUp("shop");
  await sqlite.execute(shop, "DELETE FROM orders WHERE id > 500");
  await page.context().clearCookies();

  const press = async (name: RegExp, leadsTo: RegExp) => {
    await reach(page, name);
    await page.keyboard.press("Enter");
    await page.waitForURL(leadsTo);
    await hydrated(page);
  };
  // A link, also one that changes no more than the query: the heading of the page it leads to takes the focus.
  const follow = async (name: RegExp, leadsTo: RegExp) => {
    await press(name, leadsTo);
    await expect(page.getByRole("heading", { level: 1 })).toBeFocused();
  };
  await open(page, "/login");
  await reach(page, /^Name/);
  await page.keyboard.type(ADMIN.name);
  await reach(page, /^Password/);
  await page.keyboard.type(ADMIN.password);
  await page.keyboard.press("Enter");
  await page.waitForURL(url => url.pathname === "/");
  await hydrated(page);
  await follow(/^Backups$/, /\/backups$/);
  await follow(/^Restore shop_/, /\/restore$/);
  await reach(page, /^A new file/);
  await page.keyboard.press("ArrowDown");
  await press(/^Show the impact/, /into=replace/);
  await follow(/^Go on to confirm/, /confirm=/);
  await reach(page, /^Type shop/);
  await page.keyboard.type("shop");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/jobs\/j-[0-9a-z]+$/);
  await done(page);
  expect(await sqlite.orders(shop)).toBe(2000);
  await hydrated(page);
  await follow(/^Undo/, /\/undo$/);
  await press(/^Undo: back to the state before/, /\/jobs\/j-[0-9a-z]+$/);
  await done(page);
  expect(await sqlite.orders(shop)).toBe(500);
});
