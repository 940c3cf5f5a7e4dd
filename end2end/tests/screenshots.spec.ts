// `make screenshots`: every page in light, dark and on a phone, to be looked at. Not part of `make test`.
import { begins, expect, open, test } from "../fixtures.ts";
import { live } from "../world.ts";

const FOLDER = "screenshots";
const LOOKS = [
  { name: "light", width: 1280, height: 800, colorScheme: "light" },
  { name: "dark", width: 1280, height: 800, colorScheme: "dark" },
  { name: "phone", width: 390, height: 844, colorScheme: "light" },
] as const;

test.use({ deviceScaleFactor: 2 });

test("every page @screenshots", async ({ admin, keepstone, sqlite }) => {
  test.setTimeout(600_000);
  const { pages } = await live(keepstone, sqlite);
  for (const look of LOOKS) {
    await admin.setViewportSize({ width: look.width, height: look.height });
    await admin.emulateMedia({ colorScheme: look.colorScheme, reducedMotion: "reduce" });
    for (const [name, path] of Object.entries(pages)) {
      await open(admin, path);
      await expect(admin.getByText("Live", { exact: true }).first()).toBeAttached();
      await admin.screenshot({ path: `${FOLDER}/${name}-${look.name}.png`, fullPage: true });
    }
  }
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
