// The main job on a real database of some hundred MB, while an application keeps writing to it.
import { cp, stat } from "node:fs/promises";
import { BINARY, begins, done, expect, open, test } from "../fixtures.ts";
import { realDatabase } from "../real-database.ts";

test("a real database, backed up and restored while it is written to @big", async ({ admin, keepstone, sqlite }) => {
  test.setTimeout(300_000);
  const path = keepstone.path("dictionary.db");
  await cp(await realDatabase(), path);
  await sqlite.execute(path, "PRAGMA journal_mode = WAL");
  const tables = Number(await sqlite.value(path, "SELECT count(*) FROM sqlite_schema WHERE type = 'table'"));
  const before = await sqlite.value(path, "SELECT count(*) FROM sqlite_schema");
  const writer = await sqlite.writer(path, "visits");

  await open(admin, "/databases/new");
  await admin.getByLabel("Path of the SQLite file on this machine").fill(path);
  await admin.getByRole("button", { name: "Add the database" }).click();
  await admin.waitForURL("/databases/dictionary");

  await open(admin, "/backups/new?db=dictionary");
  await begins(admin, () => admin.getByRole("button", { name: "Create backup" }).click());
  await done(admin);
  expect(writer.errors, "the application saw nothing of it").toEqual([]);
  expect(writer.longestWaitMs).toBeLessThan(5000);
  const [backup] = await keepstone.ok("list", "dictionary");
  expect(backup.good).toBe(true);
  expect(backup.original_size_bytes).toBeGreaterThan(250_000_000);

  // The archive's counts are of one moment, and the stock tools agree.
  const copy = keepstone.path("copy.db");
  await keepstone.ok("restore", backup.id, "--to", copy);
  expect(await sqlite.value(copy, "PRAGMA integrity_check")).toBe("ok");
  const visits = Number(await sqlite.value(copy, "SELECT count(*) FROM visits"));
  const shown = await keepstone.ok("show", backup.id);
  expect(JSON.stringify(shown)).toContain(`"visits":${visits}`);

  await writer.moved();
  await open(admin, `/backups/${backup.id}/restore?into=replace`);
  await admin.getByRole("link", { name: "Go on to confirm" }).click();
  await admin.getByLabel("Type dictionary to replace it").fill("dictionary");
  await begins(admin, () => admin.getByRole("button", { name: "Replace dictionary" }).click());
  await done(admin);
  await writer.moved();
  expect(writer.errors).toEqual([]);
  await writer.stop();
  expect(await sqlite.value(path, "PRAGMA integrity_check")).toBe("ok");
  expect(Number(await sqlite.value(path, "SELECT count(*) FROM sqlite_schema WHERE type = 'table'"))).toBe(tables + 1);
  expect(Number(before)).toBeGreaterThan(0);

  await admin.getByRole("link", { name: /^Undo/ }).click();
  await begins(admin, () => admin.getByRole("button", { name: "Undo: back to the state before" }).click());
  await done(admin);
  expect(Number(await sqlite.value(path, "SELECT count(*) FROM visits"))).toBeGreaterThan(visits);
});

test("a create needs little memory, whatever the size @big", async ({ keepstone, sqlite }) => {
  test.setTimeout(180_000);
  const path = keepstone.path("dictionary.db");
  await cp(await realDatabase(), path);
  await keepstone.protect(path);
  const peak = await sqlite.peakMiB(BINARY, "--data", keepstone.data, "create", "dictionary");
  expect(peak, "MiB at its peak, of a database larger than 250 MB").toBeLessThan(128);
  expect((await stat(path)).size).toBeGreaterThan(250_000_000);
});
