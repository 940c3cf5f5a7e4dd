// The console below a path of a host, behind a proxy: one that passes the path on as it is, and one that takes it off. Whatever is asked for outside
// that path belongs to another application, and fails the test.
import { ADMIN, badge, expect, test, type Keepstone } from "../fixtures.ts";
import type { Page } from "@playwright/test";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";

const BASE = "/tools/keepstone";

/** Starts the proxy and, behind it, the server anew; gives back the console's address. */
async function behind(keepstone: Keepstone, path: "passed on" | "taken off"): Promise<{ proxy: Server, address: string }> {
  const target = Number(new URL(keepstone.url).port);
  const proxy = createServer((asked, answer) => {
    const wanted = asked.url!;
    if (wanted !== BASE && !wanted.startsWith(`${BASE}/`)) return void answer.writeHead(404).end("another application");
    const options = {
      host: "127.0.0.1", port: target, method: asked.method, headers: asked.headers,
      path: path === "taken off" ? wanted.slice(BASE.length) || "/" : wanted,
    };
    const forwarded = request(options, got => { answer.writeHead(got.statusCode!, got.headers); got.pipe(answer); });
    forwarded.on("error", () => answer.destroy());
    answer.on("close", () => forwarded.destroy());
    asked.pipe(forwarded);
  });
  await new Promise<void>(done => proxy.listen(0, "127.0.0.1", done));
  const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}${BASE}`;
  await keepstone.stop();
  keepstone.setupLink = "";
  await keepstone.start("--public-url", `${address}/`);
  return { proxy, address };
}

/** From the set-up link to a backup and its download, and out again: by what the pages themselves lead to. */
async function story(page: Page, keepstone: Keepstone, address: string, shop: string) {
  const at = (path: string) => page.waitForURL(url => url.pathname === BASE + path);
  expect(keepstone.setupLink).toContain(`${address}/setup?`);
  await page.goto(keepstone.setupLink);
  await page.getByLabel("Name").fill(ADMIN.name);
  await page.getByLabel("Password").fill(ADMIN.password);
  await page.getByRole("button", { name: "Make the account" }).click();
  await at("/");
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Databases" }).click();
  await at("/databases");
  await page.goto(`${address}/databases/new`);
  await page.getByLabel("Path of the SQLite file on this machine").fill(shop);
  await page.getByRole("button", { name: "Add the database" }).click();
  await at("/databases/shop");
  await page.goto(`${address}/backups/new?db=shop`);
  await page.getByRole("button", { name: "Create backup" }).click();
  await page.waitForURL(url => url.pathname.startsWith(`${BASE}/jobs/j-`));
  await expect(badge(page, /Done|Failed/)).toContainText("Done", { timeout: 40_000 });
  await page.getByRole("link", { name: "See the backup" }).click();
  await page.waitForURL(url => url.pathname.startsWith(`${BASE}/backups/shop_manual_`));
  const download = page.locator("a[href$='/download']").first();
  const archive = await page.request.get(new URL((await download.getAttribute("href"))!, address).href);
  expect([archive.status(), archive.headers()["content-type"]]).toEqual([200, "application/zip"]);
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Overview" }).click();
  await at("/");
  const outside = await page.locator(`[href^="/"]:not([href^="${BASE}/"]), [action^="/"]:not([action^="${BASE}/"])`).count();
  expect(outside, "addresses outside the path").toBe(0);
  for (const cookie of await page.context().cookies()) expect(cookie.path, cookie.name).toMatch(new RegExp(`^${BASE}`));
}

for (const path of ["passed on", "taken off"] as const) {
  test(`it works below a path that is ${path}`, async ({ page, keepstone, sqlite }) => {
    const { proxy, address } = await behind(keepstone, path);
    await story(page, keepstone, address, await sqlite.shop());
    // The feed, and a server function that the browser calls itself.
    await expect(page.locator(".chip.connection")).toHaveText("Live");
    await page.getByRole("button", { name: /theme and sign out/ }).click();
    const kept = page.waitForResponse(answer => answer.url() === `${address}/fn/session/theme`);
    await page.getByText("Dark", { exact: true }).click();
    expect((await kept).status()).toBe(200);
    await page.getByRole("button", { name: "Sign out", exact: true }).click();
    await page.waitForURL(url => url.pathname === `${BASE}/login`);
    await page.goto(`${address}/backups`);
    await page.waitForURL(url => url.pathname === `${BASE}/login` && url.searchParams.get("next") === "/backups");
    await page.getByLabel("Name").fill(ADMIN.name);
    await page.getByLabel("Password").fill(ADMIN.password);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.waitForURL(url => url.pathname === `${BASE}/backups`);
    proxy.close();
    proxy.closeAllConnections();
  });
}

test.describe("without JavaScript", () => {
  test.use({ javaScriptEnabled: false });
  test("it works below a path", async ({ page, keepstone, sqlite }) => {
    const { proxy, address } = await behind(keepstone, "taken off");
    await story(page, keepstone, address, await sqlite.shop());
    proxy.close();
    proxy.closeAllConnections();
  });
});
