// Which of several installations this is, on every page: so that nobody restores into the wrong one.
import { expect, hydrated, open, test } from "../fixtures.ts";

test.use({ serveArgs: ["--environment", "staging"] });

test("the environment stands in the top bar and in the title", async ({ admin, keepstone, sqlite }) => {
  await keepstone.protect(await sqlite.shop());
  const backup = await keepstone.backUp("shop");
  for (const [path, title] of [["/", "Overview"], ["/databases", "Databases"], [`/backups/${backup}/restore`, "Restore shop"]]) {
    await open(admin, path);
    await expect(admin.locator(".environment.amber")).toHaveText("Environment: staging");
    await expect(admin).toHaveTitle(`${title} · staging · Keepstone`);
  }
  // Also after a page that came without a document.
  await admin.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Overview" }).click();
  await hydrated(admin);
  await expect(admin).toHaveTitle("Overview · staging · Keepstone");
});

test("what is no environment stops the start", async ({ keepstone }) => {
  const run = await keepstone.cli("serve", "--listen", "127.0.0.1:0", "--environment", "staging:pink");
  expect([run.code, run.stderr.includes("staging:pink"), run.stderr.includes("amber")]).toEqual([2, true, true]);
});
