// A database's settings are changed on its page, by a form that needs no script.
import { expect, open, test } from "../fixtures.ts";

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "with JavaScript" : "without JavaScript", () => {
    test.use({ javaScriptEnabled });

    test("objective, never replace and pause are set and kept", async ({ admin, keepstone, sqlite, watch }) => {
      watch.expected(/databases\/edit/, /status of 422/, /^422:/);
      await keepstone.protect(await sqlite.shop());
      const backup = await keepstone.backUp("shop");
      await admin.goto("/databases/shop");
      if (javaScriptEnabled) await expect(admin.locator("html")).toHaveAttribute("data-hydrated", /.*/);
      await admin.getByText("Change the settings of shop").click();
      await admin.getByLabel("Objective").fill("a while");
      await admin.getByRole("button", { name: "Save the settings" }).click();
      await expect(admin.getByText(/is not a duration/).first()).toBeVisible();

      await admin.goto("/databases/shop");
      if (javaScriptEnabled) await expect(admin.locator("html")).toHaveAttribute("data-hydrated", /.*/);
      await admin.getByText("Change the settings of shop").click();
      await admin.getByLabel("Objective").fill("26h");
      await admin.getByLabel(/^Never replace it/).check();
      await admin.getByLabel(/^Pause it/).check();
      await admin.getByRole("button", { name: "Save the settings" }).click();
      await expect(admin.getByText("No schedule runs for this database.")).toBeVisible();
      const [shop] = await keepstone.ok("db", "show", "shop");
      expect([shop.objective_secs, shop.never_replace, shop.paused]).toEqual([26 * 3600, true, true]);
      await admin.goto(`/backups/${backup}/restore`);
      await expect(admin.getByText(/is marked "never replace"/)).toBeVisible();

      await admin.goto("/databases/shop");
      await admin.getByText("Change the settings of shop").click();
      await expect(admin.getByLabel("Objective")).toHaveValue("26h");
      await expect(admin.getByLabel(/^Pause it/)).toBeChecked();
    });
  });
}

test("the limits of snapshots are set, refused beside their field, and shown", async ({ admin, keepstone, sqlite, watch }) => {
  watch.expected(/databases\/edit/, /status of 422/);
  await keepstone.protect(await sqlite.shop());
  const stored = async () => (await keepstone.ok("db", "show", "shop"))[0].snapshot;
  const fields = ["Longest hold of a snapshot", "Largest growth of the -wal file during a snapshot", "What a snapshot leaves free on the database's disk"];
  const form = async () => {
    await open(admin, "/databases/shop");
    await admin.getByText("Change the settings of shop").click();
  };
  const save = async (...values: string[]) => {
    for (const [i, value] of values.entries()) await admin.getByLabel(fields[i]).fill(value);
    await admin.getByRole("button", { name: "Save the settings" }).click();
  };
  const before = await stored();
  await form();
  for (const [at, value, message] of [[0, "soon", /duration/], [0, "1s", /10 s to 30 days/], [1, "much", /size/], [2, "1MB", /16 MiB to 1 PiB/]] as const) {
    await save(...fields.map((_, field) => (field === at ? value : "")));
    const box = admin.getByLabel(fields[at]);
    await expect(box).toHaveAttribute("aria-invalid", "true");
    await expect(box).toHaveAccessibleDescription(message);
    await expect(box, "what was typed stays").toHaveValue(value);
  }
  expect(await stored()).toEqual(before);

  await save("4h", "40GB", "5GB");
  await expect(admin.getByText(/held up to 4\sh; -wal growth up to 40\.0\sGB; 5\.0\sGB kept free/)).toBeVisible();
  await form();
  for (const [field, value] of [[fields[0], "4h"], [fields[1], "40GB"], [fields[2], "5GB"]]) await expect(admin.getByLabel(field)).toHaveValue(value);
  // Empty is by its size again.
  await save("", "", "");
  await expect(admin.getByText(/held up to 30\smin, longer by its size/)).toBeVisible();
  expect(await stored()).toEqual(before);
});

test("backups are filtered by what they are worth", async ({ admin, keepstone, sqlite }) => {
  await keepstone.protect(await sqlite.shop());
  const [good, unproven] = [await keepstone.backUp("shop"), await keepstone.backUp("shop", "--no-verify")];
  for (const [state, shown, hidden] of [["good", good, unproven], ["unproven", unproven, good]]) {
    await admin.goto(`/backups?state=${state}`);
    await expect(admin.locator(`a[href="/backups/${shown}"]`).first()).toBeVisible();
    await expect(admin.locator(`a[href="/backups/${hidden}"]`)).toHaveCount(0);
  }
});
