// What a person sees when something is wrong with what they gave.
import { execFile } from "node:child_process";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { badge, begins, BINARY, done, expect, open, test, type Keepstone } from "../fixtures.ts";

test("a path that is no database says what is wrong with it, beside its field", async ({ admin, keepstone, watch }) => {
  watch.expected(/databases\/add/, /status of 4\d\d/);
  await writeFile(keepstone.path("empty.db"), "");
  await writeFile(keepstone.path("text.db"), "This is a letter and not a database.\n".repeat(100));
  const cases: [string, RegExp][] = [
    [keepstone.path("missing.db"), /does not exist/i],
    [keepstone.path("empty.db"), /empty/i],
    [keepstone.path("text.db"), /not a SQLite database/i],
    [keepstone.folder, /./],
  ];
  for (const [path, message] of cases) {
    await open(admin, "/databases/new");
    await admin.getByLabel("Path of the SQLite file on this machine").fill(path);
    await admin.getByRole("button", { name: "Add the database" }).click();
    await expect(admin.locator(".field-error, .form-error").first()).toContainText(message);
    await expect(admin.getByLabel("Path of the SQLite file on this machine")).toHaveValue(path);
  }
  expect(await keepstone.ok("db", "list")).toEqual([]);
});

test("a page that is not there says so, with a way on", async ({ admin, watch }) => {
  watch.expected(/^404:/, /status of 404/);
  for (const path of ["/backups/shop_manual_20260101T000000Z_0000", "/jobs/j-0000000000000", "/databases/nothing", "/nowhere"]) {
    const answer = await admin.goto(path);
    expect(answer!.status(), path).toBe(404);
    await expect(admin.getByRole("heading", { level: 1 })).toBeVisible();
    await expect(admin.getByRole("link", { name: "Overview" }).first()).toBeVisible();
  }
});

test("a database that goes away fails the backup in words, and the old backups stay", async ({ admin, keepstone, sqlite }) => {
  const shop = await sqlite.shop();
  await keepstone.protect(shop);
  const good = await keepstone.backUp("shop");
  await sqlite.move(shop, `${shop}.away`);
  await open(admin, "/backups/new?db=shop");
  await admin.getByRole("button", { name: "Create backup" }).click();
  await admin.waitForURL(/\/jobs\//);
  await expect(admin.getByText(/does not exist/).first()).toBeVisible({ timeout: 20_000 });
  await expect(admin.getByText("source_missing").first()).toBeVisible();
  await open(admin, "/");
  await expect(admin.getByText(/At risk|Failed/).first()).toBeVisible();
  expect((await keepstone.cli("verify", good)).code).toBe(0);
  expect((await keepstone.cli("status")).code).toBe(1);
});

/** A create whose process may write no file larger than this; gives back its exit code. */
function createWithin(keepstone: Keepstone, database: string, kibibytes: number): Promise<number> {
  const script = `ulimit -f ${kibibytes}; trap '' XFSZ; exec "$0" --data "$1" create "$2"`;
  return new Promise(done => execFile("bash", ["-c", script, BINARY, keepstone.data, database], { env: { PATH: process.env.PATH } }, error =>
    done(typeof error?.code === "number" ? error.code : 0)));
}

test("a backup that could not be checked alarms wherever its database is shown, until it is", async ({ admin, keepstone, sqlite }) => {
  const shop = await sqlite.shop("shop.db", 100);
  // Eight megabytes that are packed into a few kilobytes: there is room for the archive, and none for the copy that it is checked in.
  await sqlite.execute(shop, `CREATE TABLE filler AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
    SELECT i, hex(zeroblob(200)) AS body FROM n`);
  await keepstone.protect(shop);
  const good = await keepstone.backUp("shop");
  expect(await createWithin(keepstone, "shop", 6144)).toBe(1);
  const unproven = (await keepstone.ok("list", "shop")).find(backup => backup.id !== good).id;

  await open(admin, "/");
  const hero = admin.getByRole("region", { name: "The newest backup of shop is unproven" });
  await expect(hero).toContainText(/could not be checked: .*File too large/);
  await expect(admin.locator("main")).not.toContainText("is protected");
  await open(admin, "/databases");
  await expect(badge(admin, "Unproven")).toBeVisible();
  await open(admin, "/databases/shop");
  await expect(badge(admin, "Unproven")).toBeVisible();
  await expect(admin.getByText(/The newest backup could not be checked/)).toBeVisible();
  await open(admin, "/activity?result=failed");
  await expect(admin.getByText("backup.unchecked")).toBeVisible();

  await open(admin, "/");
  await hero.getByRole("link", { name: /backup/ }).first().click();
  await expect(admin).toHaveURL(new RegExp(`/backups/${unproven}`));
  await expect(badge(admin, "Unproven")).toBeVisible();
  await expect(admin.getByText(/could not run/i).first()).toBeVisible();
  await begins(admin, () => admin.getByRole("button", { name: "Verify" }).click());
  await done(admin);
  await open(admin, "/");
  await expect(admin.getByRole("heading", { name: "shop is protected" })).toBeVisible();
  await open(admin, "/databases/shop");
  await expect(admin.getByText(/could not be checked/)).toHaveCount(0);
});

test("a file that may not be read is refused with its own code", async ({ keepstone, sqlite }) => {
  test.skip(process.getuid!() === 0, "root reads everything");
  const shop = await sqlite.shop();
  await chmod(shop, 0o000);
  const run = await keepstone.cli("db", "add", shop, "--json");
  expect([run.code, run.json.error.code]).toEqual([1, "source_unreadable"]);
});

test("what stays when the trash is emptied is told with its reason", async ({ admin, keepstone, sqlite }) => {
  await keepstone.protect(await sqlite.shop());
  const [one, two] = [await keepstone.backUp("shop"), await keepstone.backUp("shop")];
  await keepstone.backUp("shop");
  for (const id of [one, two]) await keepstone.ok("delete", id, "--yes");
  // Another file has its name by now.
  await writeFile(join(keepstone.data, "backups", "shop", "manual", `${one}.zip`), "another");
  await open(admin, "/trash");
  await admin.getByText(/^Empty the trash/).first().click();
  await admin.getByLabel("Type empty to remove them").fill("empty");
  await admin.getByRole("button", { name: /^Remove 2 backups/ }).click();
  await expect(admin.getByText(/1 backup was removed, 1 stays: .*another file lies in the place/i)).toBeVisible();
  expect((await keepstone.ok("trash", "list")).map(backup => backup.id)).toEqual([one]);
});
