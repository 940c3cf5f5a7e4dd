// Each test starts a server of its own (fixtures.ts), so nothing is shared and tests run side by side.
import { defineConfig } from "@playwright/test";

const APART = [{ name: "SCREENSHOTS", tag: /@screenshots/ }, { name: "LIGHTHOUSE", tag: /@lighthouse/ }];

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
    launchOptions: {
      executablePath: process.env.CHROMIUM || undefined,
      args: [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
      ],
    },
  },
});
