// Numbers and times as the person writes them: by the languages of the browser, or as they set it for themselves.
import { expect, open, signIn, test } from "../fixtures.ts";

const GERMAN = { size: /\d,\d [kM]B/, other: /\d\.\d [kM]B/, moment: /^\w+day \d\d\.\d\d\.\d{4} \d\d:\d\d:\d\d / };
const AMERICAN = { size: /\d\.\d [kM]B/, moment: /^\w+day, \w+ \d+, \d{4} \d+:\d\d:\d\d [AP]M / };

test.use({ locale: "de-DE" });

test("a German browser reads German numbers, before and after its page lives", async ({ admin, browser, keepstone, sqlite }) => {
  await keepstone.protect(await sqlite.shop());
  const backup = await keepstone.backUp("shop");
  const without = await browser.newContext({
    javaScriptEnabled: false, locale: "de-DE", storageState: await admin.context().storageState(), baseURL: keepstone.url,
  });
  const still = await without.newPage();
  // The Overview is written anew by the browser, the page of a backup by the server alone.
  for (const [path, sizes] of [["/", ".counts"], [`/backups/${backup}`, ".lead"]]) {
    await still.goto(path);
    await open(admin, path);
    const written = await still.locator(sizes).innerText();
    expect(written).toMatch(GERMAN.size);
    expect(written).not.toMatch(GERMAN.other);
    expect(await admin.locator(sizes).innerText()).toBe(written);
    for (const page of [still, admin]) expect(await page.locator("main time").first().getAttribute("title")).toMatch(GERMAN.moment);
  }
  await without.close();
});

test("what a person sets for themselves is so in every browser", async ({ admin, browser, keepstone, sqlite }) => {
  await keepstone.protect(await sqlite.shop());
  const backup = await keepstone.backUp("shop");
  await open(admin, "/account");
  await admin.getByLabel("Time zone").fill("Nowhere/Land");
  await admin.getByRole("button", { name: "Save times and numbers" }).click();
  await expect(admin.getByText("There is no time zone of this name").first()).toBeVisible();
  await open(admin, "/account");
  await admin.getByLabel("Time zone").fill("Asia/Kolkata");
  await admin.getByLabel("Number and date format").selectOption({ label: "1,234,567.8 · Nov 30, 2026 2:05 PM (en-US)" });
  await admin.getByRole("button", { name: "Save times and numbers" }).click();
  await expect(admin.getByText("Times in Asia/Kolkata")).toBeVisible();

  const other = await browser.newContext({ locale: "fr-FR", timezoneId: "Europe/Paris", baseURL: keepstone.url });
  const page = await other.newPage();
  await signIn(page);
  await open(page, `/backups/${backup}`);
  await expect(page.getByText("Times in Asia/Kolkata")).toBeVisible();
  await expect(page.locator(".lead")).toContainText(AMERICAN.size);
  const title = await page.locator(".lead time").getAttribute("title");
  expect(title).toMatch(AMERICAN.moment);
  expect(title).toContain("(Asia/Kolkata)");
  await other.close();
});
