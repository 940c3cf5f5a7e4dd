// Every page: accessible, clean on the console, the same before and after hydration, and not wider than a phone.
import type { Page } from "@playwright/test";
import { findingsOn, gathered } from "../axe.ts";
import { expect, hydrated, open, test } from "../fixtures.ts";
import { HOSTILE, live } from "../world.ts";

const words = (page: Page) => page.evaluate(() => document.body.innerText.replace(/\s+/g, " ").trim());

test("axe finds nothing, in light and dark, wide and narrow", async ({ admin, keepstone, sqlite }) => {
  test.setTimeout(420_000);
  const { pages } = await live(keepstone, sqlite);
  expect(gathered(await findingsOn(admin, pages))).toEqual([]);
});

test("every page has one heading, a title of its own, and the way back to where it belongs", async ({ admin, keepstone, sqlite }) => {
  const { pages } = await live(keepstone, sqlite);
  const above = ["/", "/databases", "/backups", "/schedules", "/storage", "/activity", "/search", "/settings", "/account", "/confirm"];
  const wrong: string[] = [];
  const titles = new Map<string, string>();
  for (const [name, path] of Object.entries(pages)) {
    // What the server writes is what every browser begins with.
    const html = await (await admin.request.get(path)).text();
    const place = new URL(path, keepstone.url).pathname;
    const title = /<title>(.*?)<\/title>/.exec(html)?.[1] ?? "";
    if (html.match(/<h1[ >]/g)?.length !== 1) wrong.push(`${name}: ${html.match(/<h1[ >]/g)?.length} h1`);
    if (!/.+ · Keepstone$/.test(title) || (titles.get(title) ?? place) !== place) wrong.push(`${name}: the title "${title}" is also that of ${titles.get(title)}`);
    if (html.includes('aria-label="Breadcrumb"') === above.includes(place)) wrong.push(`${name}: breadcrumbs ${above.includes(place) ? "above all pages" : "are missing"}`);
    titles.set(title, place);
  }
  expect(wrong).toEqual([]);
});

test.describe("at 320 px, as 1280 px are at 400 %", () => {
  test.use({ viewport: { width: 320, height: 256 }, deviceScaleFactor: 4 });

  test("no page scrolls sideways or runs anything, whatever things are called", async ({ admin, keepstone, sqlite }) => {
    test.setTimeout(240_000);
    // The watch fails on what a page tries to run: the policy's refusal is a message on the console.
    const { pages } = await live(keepstone, sqlite, HOSTILE);
    admin.on("dialog", dialog => { throw new Error(`a name ran: ${dialog.message()}`); });
    const wide: string[] = [];
    for (const [name, path] of Object.entries(pages)) {
      await open(admin, path);
      const { scroll, culprit, elements } = await admin.evaluate(() => {
        const width = document.documentElement.clientWidth;
        const scrolls = (element: Element) => { for (let up: Element | null = element.parentElement; up; up = up.parentElement) if (getComputedStyle(up).overflowX !== "visible") return true; return false; };
        const over = [...document.body.querySelectorAll("*")].filter(element => element.getBoundingClientRect().right > width + 1 && !scrolls(element));
        return { scroll: document.documentElement.scrollWidth - width, culprit: over.at(-1)?.outerHTML.slice(0, 120), elements: document.querySelectorAll("body img, body marquee").length };
      });
      if (scroll > 0) wide.push(`${name}: ${scroll} px, ${culprit}`);
      if (elements > 0) wide.push(`${name}: a name became ${elements} elements`);
    }
    expect(wide).toEqual([]);
    await open(admin, pages.backup);
    for (const shown of [HOSTILE.description, HOSTILE.tag, HOSTILE.table]) await expect(admin.getByText(shown).first()).toBeAttached();
    await admin.getByText("Edit description and tags").click();
    await expect(admin.getByLabel("Description")).toHaveValue(HOSTILE.description);
  });
});

test("no table is wider than its box", async ({ admin, keepstone, sqlite }) => {
  test.setTimeout(240_000);
  const { pages } = await live(keepstone, sqlite, HOSTILE);
  const wide: string[] = [];
  for (const [name, path] of Object.entries(pages)) {
    await open(admin, path);
    for (const width of [1340, 1280, 1202, 900]) {
      await admin.setViewportSize({ width, height: 800 });
      // What is cut off there cannot be reached: the button at the end of a row.
      const over = await admin.evaluate(() => [...document.querySelectorAll("table")].map(table => table.scrollWidth - table.parentElement!.clientWidth));
      wide.push(...over.filter(by => by > 0).map(by => `${name} at ${width} px: by ${by} px`));
    }
  }
  expect(wide).toEqual([]);
});

test("what the server wrote stays as it is when the page comes alive", async ({ admin, browser, keepstone, sqlite }) => {
  test.setTimeout(240_000);
  const { pages } = await live(keepstone, sqlite);
  const without = await browser.newContext({ javaScriptEnabled: false, storageState: await admin.context().storageState(), baseURL: keepstone.url, viewport: { width: 1280, height: 800 } });
  const still = await without.newPage();
  for (const [name, path] of Object.entries(pages)) {
    if (name.startsWith("restore-2") || name === "undo") continue; // a plan is made anew at each look
    // Ages tick, and only what is live has a connection.
    const steady = (text: string) => text.replace(/\b\d+ (s|min|ms)\b( ago)?|just now|Connecting|Live\b/g, "").replace(/\s+/g, " ");
    // Once more where something happened between the two looks: a cleanup, say.
    await expect(async () => {
      await still.goto(path);
      const html = await still.content();
      expect(html, name).not.toContain("Loading…");
      await open(admin, path);
      await expect(admin.getByRole("heading", { level: 1 })).toHaveText(await still.getByRole("heading", { level: 1 }).innerText());
      expect(steady(await words(admin)), name).toBe(steady(await words(still)));
    }).toPass({ timeout: 30_000 });
  }
  await without.close();
});

test("a page moves nothing while it comes alive, nor with the first news", async ({ admin, keepstone, sqlite }) => {
  const { pages } = await live(keepstone, sqlite);
  await admin.addInitScript(() => {
    (window as any).shift = 0;
    new PerformanceObserver(list => { for (const entry of list.getEntries() as any[]) (window as any).shift += entry.value; }).observe({ type: "layout-shift", buffered: true });
  });
  for (const page of [pages.overview, pages.backups, pages.database, "the newest"]) {
    const path = page === "the newest" ? `/backups/${(await keepstone.ok("list", "shop"))[0].id}` : page;
    await open(admin, path);
    await expect(admin.getByText("Live", { exact: true })).toBeVisible();
    // The first thing that happens elsewhere is seen: one more on the lists, the way to the next one on the page of the newest.
    const shown = async () => (await admin.getByRole("main").innerText()).replace(/\d+ (s|min) ago|just now/g, "");
    const before = await shown();
    await keepstone.backUp("shop");
    await expect.poll(shown).not.toBe(before);
    await admin.waitForTimeout(300); // what moves does so within a frame or two
    expect(await admin.evaluate(() => (window as any).shift), path).toBeLessThanOrEqual(0.01);
  }
});

test("a page takes few requests", async ({ admin, keepstone, sqlite }) => {
  test.slow();
  await live(keepstone, sqlite);
  // What was just changed from outside reaches the feed a moment later, and a page that saw it already would load again.
  await open(admin, "/");
  await expect(admin.getByText("Live", { exact: true })).toBeVisible();
  const asked: string[] = [];
  admin.on("request", request => asked.push(`${request.method()} ${new URL(request.url()).pathname}`));
  await expect(async () => {
    const before = asked.length;
    await admin.waitForTimeout(3000);
    expect(asked.length).toBe(before);
  }).toPass();
  asked.length = 0;
  await open(admin, "/");
  await expect(admin.getByText("Live", { exact: true })).toBeVisible();
  expect(asked.length, asked.join(", ")).toBeLessThanOrEqual(6);
  expect(asked.filter(line => line.includes("/fn/")), "the page came whole").toEqual([]);
});

test("the keyboard reaches the restore, and the focus is always seen", async ({ admin, keepstone, sqlite }) => {
  const { backup } = await live(keepstone, sqlite);
  await open(admin, `/backups/${backup}`);
  const focused = () => admin.evaluate(() => {
    const element = document.activeElement as HTMLElement;
    const style = getComputedStyle(element);
    const box = element.getBoundingClientRect();
    return { text: (element.innerText || element.getAttribute("aria-label") || element.tagName).trim(), seen: style.outlineStyle !== "none" || style.boxShadow !== "none", there: box.width > 0 };
  });
  for (let presses = 0; presses < 40; presses++) {
    await admin.keyboard.press("Tab");
    const now = await focused();
    expect(now.seen && now.there, `the focus on "${now.text}" is not seen`).toBe(true);
    if (now.text.startsWith("Restore")) break;
  }
  await admin.keyboard.press("Enter");
  await admin.waitForURL(/\/restore/);
  await hydrated(admin);
  await expect(admin.getByRole("heading", { level: 1 })).toBeFocused();
});
