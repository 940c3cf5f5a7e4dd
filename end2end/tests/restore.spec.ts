// What a restore refuses, what it does once, and what stays as it was.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { open as openFile, readFile } from "node:fs/promises";
import { badge, begins, done, expect, hydrated, open, test, type Keepstone } from "../fixtures.ts";

const hash = async (path: string) => createHash("sha256").update(await readFile(path)).digest("hex");
const restores = async (keepstone: Keepstone) => (await keepstone.ok("job", "list")).filter(job => job.verb === "restore");

test.beforeEach(async ({ keepstone, sqlite }) => { await keepstone.protect(await sqlite.shop()); });

test("a plan of a database whose schema changed since is refused, and nothing is changed", async ({ admin, keepstone, sqlite, watch }) => {
  watch.expected(/restore\/start/, /status of 409/);
  const backup = await keepstone.backUp("shop");
  await open(admin, `/backups/${backup}/restore?into=replace`);
  await admin.getByRole("link", { name: "Go on to confirm" }).click();
  await expect(admin.getByLabel("Type shop to replace it")).toBeVisible();
  await sqlite.execute(keepstone.path("shop.db"), "CREATE TABLE invoices (id INTEGER PRIMARY KEY); INSERT INTO invoices VALUES (1)");
  await admin.getByLabel("Type shop to replace it").fill("shop");
  await admin.getByRole("button", { name: "Replace shop" }).click();
  // Refused when it is confirmed, or when the job looks again before it acts.
  await expect(admin.getByText(/look again|does not fit any more/i).first()).toBeVisible({ timeout: 20_000 });
  expect(await sqlite.value(keepstone.path("shop.db"), "SELECT count(*) FROM invoices")).toBe("1");
});

test("what was written since the plan is counted again before it is confirmed", async ({ admin, keepstone, sqlite }) => {
  const backup = await keepstone.backUp("shop");
  await open(admin, `/backups/${backup}/restore?into=replace`);
  await sqlite.execute(keepstone.path("shop.db"), "DELETE FROM orders WHERE id > 1990");
  await admin.getByRole("link", { name: "Go on to confirm" }).click();
  await expect(admin.getByText("Applications have written since the plan")).toBeVisible();
  await expect(admin.getByText(/orders: 1[\s,]?990 rows, 2[\s,]?000 in the plan/)).toBeVisible();
  await admin.getByLabel("Type shop to replace it").fill("shop");
  await begins(admin, () => admin.getByRole("button", { name: "Replace shop" }).click());
  await done(admin);
  await expect(admin.getByText(/orders holds 1[\s,]?990 rows, not the 2[\s,]?000 of the plan/)).toBeVisible();
});

test("a plan that fits no more is not even offered to be confirmed", async ({ admin, keepstone, sqlite }) => {
  const backup = await keepstone.backUp("shop");
  await open(admin, `/backups/${backup}/restore?into=replace`);
  await sqlite.execute(keepstone.path("shop.db"), "CREATE TABLE invoices (id INTEGER PRIMARY KEY)");
  await admin.getByRole("link", { name: "Go on to confirm" }).click();
  await expect(admin.getByText("There is no plan for this")).toBeVisible();
  await admin.getByRole("link", { name: "Look again" }).click();
  await expect(admin.getByText(/invoices/).first()).toBeVisible();
});

test("another word than the database's name does not replace it", async ({ admin, keepstone, sqlite, watch }) => {
  watch.expected(/restore\/start/, /status of 4\d\d/);
  const backup = await keepstone.backUp("shop");
  const before = await sqlite.value(keepstone.path("shop.db"), "PRAGMA data_version");
  await open(admin, `/backups/${backup}/restore?into=replace`);
  await admin.getByRole("link", { name: "Go on to confirm" }).click();
  await admin.getByLabel("Type shop to replace it").fill("shops");
  await admin.getByRole("button", { name: "Replace shop" }).click();
  await expect(admin.getByText(/Type shop, exactly so/)).toBeVisible();
  expect(await restores(keepstone)).toEqual([]);
  expect(await sqlite.value(keepstone.path("shop.db"), "PRAGMA data_version")).toBe(before);
});

test("a form that is sent twice acts once", async ({ admin, keepstone }) => {
  const backup = await keepstone.backUp("shop");
  await open(admin, `/backups/${backup}/restore?into=replace`);
  await admin.getByRole("link", { name: "Go on to confirm" }).click();
  const plan = await admin.locator('input[name="plan"]').inputValue();
  const send = () => admin.request.post("/fn/restore/start", {
    form: { plan, typed: "shop" }, headers: { Origin: keepstone.url, Accept: "text/html", Referer: admin.url() }, maxRedirects: 0,
  });
  const answers = await Promise.all([send(), send(), send()]);
  const led = new Set(answers.map(answer => answer.headers().location?.replace(keepstone.url, "")));
  expect([...led], "all three lead to the one job").toHaveLength(1);
  await expect.poll(async () => (await restores(keepstone)).map(job => job.state)).toEqual(["done"]);
});

test("a create that is sent twice makes one backup", async ({ admin, keepstone }) => {
  await open(admin, "/backups/new?db=shop");
  const key = await admin.locator('input[name="key"]').inputValue();
  const send = () => admin.request.post("/fn/backups/create", {
    form: { database: "shop", key, description: "", tags: "", compression: "zstd" },
    headers: { Origin: keepstone.url, Accept: "text/html", Referer: admin.url() }, maxRedirects: 0,
  });
  const answers = await Promise.all([send(), send()]);
  expect(new Set(answers.map(answer => answer.headers().location)).size).toBe(1);
  await expect.poll(async () => (await keepstone.ok("list", "shop")).map(backup => backup.state)).toEqual(["complete"]);
});

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "with JavaScript" : "without JavaScript", () => {
    test.use({ javaScriptEnabled });

    test("Back and reload never act twice", async ({ admin, keepstone }) => {
      const there = async () => { if (javaScriptEnabled) await hydrated(admin); };
      const made = async () => (await keepstone.ok("list", "shop")).map(backup => backup.state);
      await admin.goto("/backups/new?db=shop");
      await there();
      await begins(admin, () => admin.getByRole("main").getByRole("button", { name: "Create backup" }).click());
      await expect.poll(made).toEqual(["complete"]);
      await admin.reload();
      await admin.goBack();
      await there();
      await admin.reload();
      await there();
      expect(await made()).toEqual(["complete"]);

      // The plan's last page, after its restore: Back shows it, and a second Replace leads to the same job or is refused.
      const [backup] = await keepstone.ok("list", "shop");
      await admin.goto(`/backups/${backup.id}/restore?into=replace`);
      await there();
      await admin.getByRole("link", { name: "Go on to confirm" }).click();
      await admin.getByLabel("Type shop to replace it").fill("shop");
      const job = await begins(admin, () => admin.getByRole("button", { name: "Replace shop" }).click());
      await expect.poll(async () => (await restores(keepstone)).map(restore => restore.state)).toEqual(["done"]);
      await admin.reload();
      await expect(admin).toHaveURL(new RegExp(`/jobs/${job}`));
      await admin.goBack();
      await admin.reload();
      expect((await restores(keepstone)).map(restore => restore.id)).toEqual([job]);
    });
  });
}

test("a damaged archive fails its check and is not restored", async ({ admin, keepstone, sqlite }) => {
  const [backup] = await keepstone.ok("create", "shop");
  await sqlite.flipByte(backup.path, 0.5);
  const live = await hash(keepstone.path("shop.db"));

  await open(admin, `/backups/${backup.id}`);
  await begins(admin, () => admin.getByRole("button", { name: "Verify" }).click());
  await expect(badge(admin, /Failed|Done/)).toBeVisible({ timeout: 30_000 });
  await open(admin, `/backups/${backup.id}`);
  await expect(badge(admin, "Bad")).toBeVisible();
  await expect(admin.getByText("Do not restore this backup: a check failed")).toBeVisible();
  await open(admin, `/backups/${backup.id}/restore?into=replace`);
  await expect(admin.getByText("This backup cannot be restored")).toBeVisible();

  expect((await keepstone.cli("restore", backup.id, "--replace", "--yes")).code).toBe(4);
  expect(await hash(keepstone.path("shop.db"))).toBe(live);
});

test("a restore that fails says that nothing was changed, and nothing was", async ({ admin, keepstone, sqlite }) => {
  const [backup] = await keepstone.ok("create", "shop");
  const shop = keepstone.path("shop.db");
  await sqlite.execute(shop, "DELETE FROM orders WHERE id > 500");
  const before = await hash(shop);
  await open(admin, `/backups/${backup.id}/restore?into=replace`);
  await admin.getByRole("link", { name: "Go on to confirm" }).click();
  // The disk loses a bit between the plan and the act.
  await sqlite.flipByte(backup.path, 0.5);
  await admin.getByLabel("Type shop to replace it").fill("shop");
  await begins(admin, () => admin.getByRole("button", { name: "Replace shop" }).click());
  await expect(badge(admin, "Failed")).toBeVisible({ timeout: 30_000 });
  await expect(admin.getByText("Nothing was changed.")).toBeVisible();
  await expect(admin.getByRole("link", { name: /^Undo/ })).toHaveCount(0);
  await expect(admin.getByRole("region", { name: "Log" })).not.toContainText("Nothing yet.");
  expect(await hash(shop)).toBe(before);
  expect((await keepstone.ok("list", "shop", "--type", "safety"))).toEqual([]);
});

test("a restore goes on when its page is left", async ({ admin, keepstone, sqlite }) => {
  const backup = await keepstone.backUp("shop");
  await sqlite.execute(keepstone.path("shop.db"), "DELETE FROM orders");
  await open(admin, `/backups/${backup}/restore?into=replace`);
  await admin.getByRole("link", { name: "Go on to confirm" }).click();
  await admin.getByLabel("Type shop to replace it").fill("shop");
  const job = await begins(admin, () => admin.getByRole("button", { name: "Replace shop" }).click());
  await admin.goto("about:blank");
  await expect.poll(() => sqlite.orders(keepstone.path("shop.db"))).toBe(2000);
  await open(admin, `/jobs/${job}`);
  await done(admin);
});

/** Spoils the first page of a database, so that SQLite opens it no more, while another process has it open. */
async function spoiltAndHeld(path: string): Promise<{ stop: () => void }> {
  const file = await openFile(path, "r+");
  await file.write(Buffer.alloc(100, 0x55), 0, 100, 0);
  const holder = spawn("sleep", ["600"], { stdio: [file.fd, "ignore", "ignore"] });
  await file.close();
  return { stop: () => holder.kill("SIGKILL") };
}

test("a database that cannot be opened is replaced under a process that has it open only if a person says so", async ({ admin, keepstone, sqlite }) => {
  const shop = keepstone.path("shop.db");
  const backup = await keepstone.backUp("shop");
  const [{ job: restore }] = await keepstone.ok("restore", backup, "--replace", "--yes");
  await sqlite.execute(shop, "PRAGMA wal_checkpoint(TRUNCATE)");
  const jobs = async (verb: string) => (await keepstone.ok("job", "list")).filter(job => job.verb === verb).length;
  const box = admin.getByRole("checkbox", { name: /^Replace it although process \d+ \(sleep\) has it open/ });
  const holders = [await spoiltAndHeld(shop)];
  try {
    const spoilt = await hash(shop);
    await open(admin, `/backups/${backup}/restore?into=replace`);
    await expect(admin.getByText(/cannot be opened .*is not a SQLite database/)).toBeVisible();
    await expect(admin.getByText(/\(sleep\) has it open: stop that application first/)).toBeVisible();
    await expect(admin.getByText("none can be made of what cannot be opened", { exact: false })).toBeVisible();
    await expect(admin.getByText("You will lose", { exact: false })).toHaveCount(0);
    await admin.getByRole("link", { name: "Go on to confirm" }).click();
    await expect(admin.getByText("the files that are there are kept aside, whole", { exact: false })).toBeVisible();
    await expect(admin.getByRole("main")).not.toContainText("the safety backup");
    await admin.getByLabel("Type shop to replace it").fill("shop");
    await admin.getByRole("button", { name: "Replace shop" }).click();
    await expect(box, "the form waits for the box").toBeFocused();
    expect([await jobs("restore"), await hash(shop)]).toEqual([1, spoilt]);
    // Who sends the form all the same gets a job that says who has it open, and changes nothing.
    const plan = await admin.locator('input[name="plan"]').inputValue();
    const sent = await admin.request.post("/fn/restore/start", {
      form: { plan, typed: "shop" }, headers: { Origin: keepstone.url, Accept: "text/html", Referer: admin.url() }, maxRedirects: 0,
    });
    await open(admin, new URL(sent.headers().location!, keepstone.url).pathname);
    await expect(badge(admin, "Failed")).toBeVisible({ timeout: 20_000 });
    await expect(admin.getByText(/open elsewhere: process \d+ \(sleep\)/).first()).toBeVisible();
    await expect(admin.getByText(/nothing was changed/i)).toHaveCount(1);
    expect(await hash(shop)).toBe(spoilt);

    await open(admin, `/backups/${backup}/restore?into=replace`);
    await admin.getByRole("link", { name: "Go on to confirm" }).click();
    await admin.getByLabel("Type shop to replace it").fill("shop");
    await box.check();
    await begins(admin, () => admin.getByRole("button", { name: "Replace shop" }).click());
    await done(admin);
    await expect(admin.getByText(/what was there is kept in .*corrupted/).first()).toBeVisible();
    expect(await sqlite.orders(shop)).toBe(2000);

    // The undo of the first restore asks the same.
    await sqlite.execute(shop, "DELETE FROM orders WHERE id > 5; PRAGMA wal_checkpoint(TRUNCATE)");
    holders.push(await spoiltAndHeld(shop));
    await open(admin, `/jobs/${restore}/undo`);
    await expect(admin.getByText("this cannot be undone", { exact: false }).first()).toBeVisible();
    const undo = admin.getByRole("button", { name: "Undo: back to the state before" });
    await undo.click();
    await expect(box).toBeFocused();
    expect(await jobs("undo")).toBe(0);
    await box.check();
    await begins(admin, () => undo.click());
    await done(admin);
    expect(await sqlite.orders(shop)).toBe(2000);
  } finally {
    holders.forEach(holder => holder.stop());
  }
});
