// Each test starts a server of its own (fixtures.ts), so nothing is shared and tests run side by side.
import { defineConfig, firefox, webkit } from "@playwright/test";
import { existsSync } from "node:fs";

const APART = [{ name: "SCREENSHOTS", tag: /@screenshots/ }, { name: "LIGHTHOUSE", tag: /@lighthouse/ }];

// What every engine must do. The rest looks at what is ours, not the browser's, or measures with Chromium's own means.
const EVERYWHERE = /(story|without-javascript|search|settings|schedules|people|factor)\.spec\.ts$/;
// `npx playwright install firefox webkit` brings them; where they are not, they are passed over.
const others = [["Firefox", "firefox", firefox], ["WebKit", "webkit", webkit]] as const;
const isThere = (engine: typeof firefox) => existsSync(engine.executablePath());
if (!process.env.TEST_WORKER_INDEX) {
  for (const [name, , engine] of others) if (!isThere(engine)) console.error(`${name} is not installed: nothing is tried in it`);
}

export default defineConfig({
  testDir: "tests",
  timeout: 60_000,
  expect: { timeout: 10_000 },
  fullyParallel: true,
  workers: process.env.WORKERS ? Number(process.env.WORKERS) : 2,
  retries: 0,
  forbidOnly: true,
  // Looking at pages is `make screenshots`, measuring them is `make lighthouse`.
  grep: APART.find(what => process.env[what.name])?.tag,
  grepInvert: APART.filter(what => !process.env[what.name]).map(what => what.tag),
  reporter: "list",
  use: {
    locale: "en-GB",
    timezoneId: "UTC",
    viewport: { width: 1280, height: 800 },
    trace: "retain-on-failure",
  },
  projects: [
    {
      name: "chromium",
      use: {
        launchOptions: {
          executablePath: process.env.CHROMIUM || undefined,
          args: [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
          ],
        },
      },
    },
    ...others.filter(([, , engine]) => isThere(engine)).map(([, name]) => ({ name, testMatch: EVERYWHERE, use: { browserName: name } })),
  ],
});
