// The states that a page seldom has: nothing there yet, something broken, something going on. Accessible in each, and the right way up.
import { writeFile } from "node:fs/promises";
import { gathered, inBothThemes } from "../axe.ts";
import { badge, expect, open, setUp, test } from "../fixtures.ts";
import { going, wrong } from "../world.ts";
import type { Page } from "@playwright/test";

const WIDTHS = [1280, 375];

/** What axe finds on each page, in both themes and widths. */
async function look(page: Page, pages: Record<string, string>): Promise<string[]> {
  const found: string[] = [];
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 800 });
    for (const [name, path] of Object.entries(pages)) {
      await open(page, path);
      found.push(...await inBothThemes(page, `${name} ${width}`));
    }
  }
  return found;
}

test("axe finds nothing on the doors and on an empty console", async ({ page, keepstone, watch }) => {
  test.setTimeout(120_000);
  watch.expected(/^404:/, /status of 404/);
  const doors = await look(page, { login: "/login", "set-up": keepstone.setupLink, "set-up-used": "/setup?token=0" });
  await setUp(page, keepstone);
  const empty = Object.fromEntries(["/", "/databases", "/backups", "/backups/new", "/backups?view=calendar", "/jobs", "/trash", "/schedules", "/storage", "/import", "/nowhere"].map(path => [path, path]));
  expect(gathered([...doors, ...await look(page, empty)])).toEqual([]);
});

test("axe finds nothing where the catalog is damaged, and a new one is made there", async ({ admin, keepstone, sqlite, watch }) => {
  watch.expected(/503/, /ERR_CONNECTION_REFUSED/); // its server ends once there is a new one
  await keepstone.protect(await sqlite.shop());
  const backup = await keepstone.backUp("shop");
  await keepstone.stop();
  await writeFile(keepstone.path("data/catalog.sqlite"), "This was a catalog.");
  await keepstone.start();
  const found: string[] = [];
  for (const width of WIDTHS) {
    await admin.setViewportSize({ width, height: 800 });
    await admin.goto(keepstone.recoveryLink);
    found.push(...await inBothThemes(admin, `recovery ${width}`));
  }
  expect(gathered(found)).toEqual([]);
  await admin.getByRole("button").click();
  await expect.poll(() => fetch(`${keepstone.url}/readyz`).then(answer => answer.ok, () => false), { timeout: 20_000 }).toBe(true);
  expect((await keepstone.ok("list", "shop")).map(found => found.id)).toEqual([backup]);
});

test("axe finds nothing where something is wrong", async ({ admin, keepstone, sqlite }) => {
  test.setTimeout(180_000);
  expect(gathered(await look(admin, await wrong(keepstone, sqlite)))).toEqual([]);
});

test("axe finds nothing while something runs", async ({ admin, keepstone, sqlite }) => {
  test.setTimeout(180_000);
  const { pages, stop } = await going(keepstone, sqlite);
  try {
    await open(admin, pages["job-running"]);
    await expect(badge(admin, "Running")).toBeVisible();
    expect(gathered(await look(admin, pages))).toEqual([]);
  } finally {
    stop();
  }
});
