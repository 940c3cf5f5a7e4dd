// The states that a page seldom has: nothing there yet, something broken, something going on. Accessible in each, and the right way up.
import { writeFile } from "node:fs/promises";
import { findingsHere, findingsOn, gathered } from "../axe.ts";
import { badge, expect, open, setUp, test } from "../fixtures.ts";
import { going, wrong } from "../world.ts";

test("axe finds nothing on the doors and on an empty console", async ({ page, keepstone, watch }) => {
  test.setTimeout(120_000);
  watch.expected(/^404:/, /status of 404/);
  const doors = await findingsOn(page, { login: "/login", "set-up": keepstone.setupLink, "set-up-used": "/setup?token=0" });
  await setUp(page, keepstone);
  const empty = Object.fromEntries(["/", "/databases", "/backups", "/backups/new", "/backups?view=calendar", "/jobs", "/trash", "/schedules", "/storage", "/import", "/nowhere"].map(path => [path, path]));
  expect(gathered([...doors, ...await findingsOn(page, empty)])).toEqual([]);
});

test("axe finds nothing where the catalog is damaged, and a new one is made there", async ({ admin, keepstone, sqlite, watch }) => {
  watch.expected(/503/, /ERR_CONNECTION_REFUSED/); // its server ends once there is a new one
  await keepstone.protect(await sqlite.shop());
  const backup = await keepstone.backUp("shop");
  await keepstone.stop();
  await writeFile(keepstone.path("data/catalog.sqlite"), "This was a catalog.");
  await keepstone.start();
  await admin.goto(keepstone.recoveryLink);
  expect(gathered(await findingsHere(admin, "recovery"))).toEqual([]);
  await admin.getByRole("button").click();
  await expect.poll(() => fetch(`${keepstone.url}/readyz`).then(answer => answer.ok, () => false), { timeout: 20_000 }).toBe(true);
  expect((await keepstone.ok("list", "shop")).map(found => found.id)).toEqual([backup]);
});

test("axe finds nothing where something is wrong", async ({ admin, keepstone, sqlite }) => {
  test.setTimeout(180_000);
  expect(gathered(await findingsOn(admin, await wrong(keepstone, sqlite)))).toEqual([]);
});

test("axe finds nothing while something runs", async ({ admin, keepstone, sqlite }) => {
  test.setTimeout(180_000);
  const { pages, stop } = await going(keepstone, sqlite);
  try {
    await open(admin, pages["job-running"]);
    await expect(badge(admin, "Running")).toBeVisible();
    expect(gathered(await findingsOn(admin, pages))).toEqual([]);
  } finally {
    stop();
  }
});
