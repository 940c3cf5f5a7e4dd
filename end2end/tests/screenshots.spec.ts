// `make screenshots`: every page in light, dark and on a phone, to be looked at. Not part of `make test`.
import { writeFile } from "node:fs/promises";
import type { Page } from "@playwright/test";
import { begins, expect, open, test } from "../fixtures.ts";
import { going, live, wrong } from "../world.ts";

const FOLDER = "screenshots";
const LOOKS = [
  { name: "light", width: 1280, height: 800, colorScheme: "light" },
  { name: "dark", width: 1280, height: 800, colorScheme: "dark" },
  { name: "phone", width: 390, height: 844, colorScheme: "light" },
] as const;

test.use({ deviceScaleFactor: 2 });

/** Takes every page in every look. */
async function seen(page: Page, pages: Record<string, string>) {
  for (const look of LOOKS) {
    await page.setViewportSize({ width: look.width, height: look.height });
    await page.emulateMedia({ colorScheme: look.colorScheme, reducedMotion: "reduce" });
    for (const [name, path] of Object.entries(pages)) {
      await open(page, path);
      await expect(page.getByText("Live", { exact: true }).first()).toBeAttached();
      await page.screenshot({ path: `${FOLDER}/${name}-${look.name}.png`, fullPage: true });
    }
  }
}

/** A page that comes without scripts. */
async function shot(page: Page, name: string, path: string) {
  for (const look of LOOKS) {
    await page.setViewportSize({ width: look.width, height: look.height });
    await page.emulateMedia({ colorScheme: look.colorScheme });
    await page.goto(path);
    await page.screenshot({ path: `${FOLDER}/${name}-${look.name}.png`, fullPage: true });
  }
}

test("every page @screenshots", async ({ admin, keepstone, sqlite }) => {
  test.setTimeout(600_000);
  const { pages } = await live(keepstone, sqlite);
  await seen(admin, pages);
});

test("where something is wrong @screenshots", async ({ admin, keepstone, sqlite, watch }) => {
  test.setTimeout(600_000);
  watch.expected(/404/);
  await seen(admin, { ...await wrong(keepstone, sqlite), "not-there": "/nowhere" });
});

test("where something runs @screenshots", async ({ admin, keepstone, sqlite }) => {
  test.setTimeout(600_000);
  const { pages, stop } = await going(keepstone, sqlite);
  await seen(admin, pages);
  stop();
});

test("a door where the catalog is damaged, and one that a role does not open @screenshots", async ({ admin, keepstone, sqlite, watch }) => {
  watch.expected(/40[34]/, /503/, /events/, /ERR_/);
  await keepstone.protect(await sqlite.shop());
  await writeFile(keepstone.path("password"), "another horse battery staple\n");
  await keepstone.ok("user", "add", "vera", "--role", "viewer", "--password-file", keepstone.path("password"));
  await admin.context().clearCookies();
  await admin.goto("/login");
  await admin.getByLabel("Name").fill("vera");
  await admin.getByLabel("Password").fill("another horse battery staple");
  await admin.getByRole("button", { name: "Sign in" }).click();
  await admin.waitForURL("/");
  await seen(admin, { "viewer-overview": "/", "viewer-backups": "/backups" });
  await shot(admin, "not-allowed", "/settings");
  await keepstone.stop();
  await writeFile(keepstone.path("data/catalog.sqlite"), "This was a catalog.");
  await keepstone.start();
  await shot(admin, "recovery", keepstone.recoveryLink);
});

test("the pages that are open, and an empty console @screenshots", async ({ page, keepstone, admin }) => {
  for (const look of LOOKS) {
    await admin.setViewportSize({ width: look.width, height: look.height });
    await admin.emulateMedia({ colorScheme: look.colorScheme });
    for (const [name, path] of Object.entries({ "empty-overview": "/", "empty-databases": "/databases", "empty-backups": "/backups", "empty-trash": "/trash", "empty-storage": "/storage" })) {
      await open(admin, path);
      await admin.screenshot({ path: `${FOLDER}/${name}-${look.name}.png`, fullPage: true });
    }
  }
  await page.context().clearCookies();
  await open(page, "/login");
  await page.screenshot({ path: `${FOLDER}/login-phone.png` });
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.screenshot({ path: `${FOLDER}/login-light.png` });
  expect(keepstone.setupLink).not.toBe("");
});

test("a running job, and the picture of the README @screenshots", async ({ admin, keepstone, sqlite }) => {
  test.setTimeout(240_000);
  await live(keepstone, sqlite);
  await keepstone.protect(await sqlite.big("users.db", 300));
  await open(admin, "/backups/new?db=users");
  await begins(admin, () => admin.getByRole("button", { name: "Create backup" }).click());
  await expect(admin.getByText(/ left$/)).toBeVisible();
  await admin.screenshot({ path: `${FOLDER}/job-running-light.png`, fullPage: true });
  await open(admin, "/");
  await expect(admin.getByText("Live", { exact: true })).toBeVisible();
  await admin.screenshot({ path: "../docs/images/overview.png" });
});
