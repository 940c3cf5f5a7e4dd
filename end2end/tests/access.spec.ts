// Who gets in, and what every response carries.
import { ADMIN, expect, hydrated, open, setUp, signIn, test } from "../fixtures.ts";

const PAGES = ["/", "/databases", "/databases/new", "/databases/shop", "/backups", "/backups/new", "/jobs", "/trash", "/search", "/schedules", "/schedules/shop", "/storage", "/activity", "/settings", "/settings/people/new", "/account", "/confirm"];

test("whoever is not signed in sees the sign-in page, and comes back to where they wanted", async ({ page, keepstone, sqlite }) => {
  await keepstone.protect(await sqlite.shop());
  await setUp(page, keepstone);
  await page.context().clearCookies();
  for (const path of PAGES) {
    await page.goto(path);
    expect(new URL(page.url()).pathname, path).toBe("/login");
  }
  await page.goto("/backups?db=shop");
  await page.getByLabel("Name").fill(ADMIN.name);
  await page.getByLabel("Password").fill(ADMIN.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL("/backups?db=shop");
});

test("only a few addresses answer without a session", async ({ request, keepstone, sqlite }) => {
  await keepstone.protect(await sqlite.shop());
  const backup = await keepstone.backUp("shop");
  const status = async (path: string) => (await request.get(path, { maxRedirects: 0 })).status();
  for (const path of ["/login", "/healthz", "/readyz", "/pkg/main.css", "/pkg/frontend.js", "/pkg/frontend_bg.wasm"]) {
    expect(await status(path), path).toBe(200);
  }
  for (const path of [`/backups/${backup}/download`, `/backups/${backup}/download/database`, "/events", "/backups", "/nothing", "/pkg/../keys"]) {
    expect([302, 303, 307, 401, 403, 404], path).toContain(await status(path));
  }
  for (const path of ["backups/list", "backups/create", "restore/start", "databases/add", "live/poll", "session/who"]) {
    const answer = await request.post(`/fn/${path}`, { form: {}, headers: { Accept: "application/json" }, maxRedirects: 0 });
    expect(answer.status(), path).toBe(401);
  }
});

test("a wrong password and a used link open nothing", async ({ page, keepstone, watch }) => {
  watch.expected(/sign-in/, /status of 4\d\d/, /^4\d\d: GET .*\/(login|setup)/);
  await setUp(page, keepstone);
  await page.context().clearCookies();
  await page.goto("/login");
  await page.getByLabel("Name").fill(ADMIN.name);
  await page.getByLabel("Password").fill("not the right one at all");
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("alert")).toContainText(/\w/);
  await page.goto("/backups");
  expect(new URL(page.url()).pathname).toBe("/login");
  await page.goto(keepstone.setupLink);
  await expect(page.getByText("This set-up link does not work any more")).toBeVisible();
});

test("signing out ends the session", async ({ admin }) => {
  await open(admin, "/");
  await admin.getByRole("button", { name: /anna/ }).click();
  await admin.getByRole("button", { name: "Sign out", exact: true }).click();
  await admin.waitForURL(/\/login/);
  await admin.goto("/backups");
  expect(new URL(admin.url()).pathname).toBe("/login");
  await signIn(admin);
});

test("another site cannot act for a person who is signed in", async ({ admin, keepstone, sqlite }) => {
  await keepstone.protect(await sqlite.shop());
  for (const headers of [{ Origin: "https://evil.example" }, { "Sec-Fetch-Site": "cross-site" }]) {
    const answer = await admin.request.post("/fn/backups/create", { form: { database: "shop", key: "k" }, headers, maxRedirects: 0 });
    expect(answer.status()).toBe(403);
  }
  expect((await admin.request.get("/", { headers: { Host: "evil.example" } })).status()).toBeGreaterThanOrEqual(400);
  expect(await keepstone.ok("list", "shop")).toEqual([]);
});

test("every page has a policy with a fresh nonce, and no response is kept", async ({ admin }) => {
  const nonces = new Set<string>();
  for (const path of ["/", "/backups", "/login"]) {
    const headers = (await admin.request.get(path)).headers();
    const policy = headers["content-security-policy"];
    nonces.add(/'nonce-([^']+)'/.exec(policy)![1]);
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain("unsafe-inline");
    expect(policy).not.toContain("'unsafe-eval'");
    expect(headers["x-content-type-options"]).toBe("nosniff");
    expect(headers["referrer-policy"]).toBe("same-origin");
    expect(headers["cache-control"]).toBe("no-store");
  }
  expect(nonces.size).toBe(3);
});

test("the bundle comes compressed, and is kept by its hash", async ({ page, keepstone, request }) => {
  await open(page, "/login");
  const address = await page.evaluate(() => performance.getEntriesByType("resource").map(entry => entry.name).find(name => name.includes(".wasm")));
  const first = await request.get(address!, { headers: { "Accept-Encoding": "br" } });
  expect(first.headers()["content-encoding"]).toBe("br");
  expect(first.headers()["cache-control"]).toContain("immutable");
  const plain = `${keepstone.url}/pkg/frontend_bg.wasm`;
  const etag = (await request.get(plain)).headers().etag;
  expect((await request.get(plain, { headers: { "If-None-Match": etag } })).status()).toBe(304);
});

test("the set-up link and the password work with names that are not nice", async ({ page, keepstone, sqlite }) => {
  const evil = '</textarea><script>alert(1)</script> ‮ 🗄 "><img src=x onerror=alert(2)>';
  await setUp(page, keepstone);
  await keepstone.protect(await sqlite.shop());
  const backup = await keepstone.backUp("shop", "--description", evil, "--tag", '"><b>');
  await sqlite.execute(keepstone.path("shop.db"), `CREATE TABLE "<script>alert(3)</script>" (a)`);
  for (const path of ["/", "/backups", `/backups/${backup}`, `/backups/${backup}/restore?into=replace`, "/activity"]) await open(page, path);
  await open(page, `/backups/${backup}`);
  await expect(page.getByText(evil.trim()).first()).toBeVisible();
  await page.getByText("Edit description and tags").click();
  await expect(page.getByLabel("Description")).toHaveValue(evil);
});

test("what somebody types before the page lives stays there", async ({ admin: page, watch }) => {
  watch.expected(/status of 4\d\d/, /\/login/);
  await page.context().clearCookies();
  await page.route("**/pkg/frontend.js*", async route => {
    await new Promise(go => setTimeout(go, 1000));
    await route.continue();
  });
  await open(page, "/login");
  await page.getByLabel("Name").fill("nobody");
  await page.getByLabel("Password").fill("not the password");
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("alert")).toBeVisible();
  await expect(page.locator("html[data-hydrated]")).toHaveCount(0);
  await page.getByLabel("Name").fill("somebody else");
  await hydrated(page);
  await expect(page.getByLabel("Name")).toHaveValue("somebody else");
});
