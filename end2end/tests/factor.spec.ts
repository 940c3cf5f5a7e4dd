// The second factor: switched on with an app's first code, asked for after the password, recovery codes, and off again; with and without
// JavaScript.
import { createHmac } from "node:crypto";
import { ADMIN, expect, hydrated, test } from "../fixtures.ts";

/** What an authenticator app shows (RFC 6238). */
function code(secret: string, at = Date.now()): string {
  const bits = [...secret].map(letter => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g)!.map(byte => parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(at / 30_000)));
  const hash = createHmac("sha1", key).update(step).digest();
  return String((hash.readUInt32BE(hash[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "with JavaScript" : "without JavaScript", () => {
    test.use({ javaScriptEnabled });

    test("a second factor is switched on, asked for, and switched off", async ({ admin: page, keepstone, watch }) => {
      // A page whose cookies are taken away may ask once more what is new.
      watch.expected(/status of 4\d\d/, /\/login/, /401: GET .*\/events/);
      const there = async () => { if (javaScriptEnabled) await hydrated(page); };
      await page.goto("/account");
      await there();
      await page.getByRole("link", { name: "Switch it on…" }).click();
      await page.waitForURL("/account/factor");
      await there();
      await expect(page.getByRole("img", { name: "QR code of the key" })).toBeVisible();
      const secret = (await page.locator(".key-text").textContent())!;
      expect(secret).toMatch(/^[A-Z2-7]{32}$/);
      await page.getByLabel("Six digits from the app").fill("000000");
      await page.getByRole("button", { name: "Switch it on" }).click();
      await expect(page.getByText("This code is not the one of this moment.")).toBeVisible();
      expect(await page.locator(".key-text").textContent(), "the picture that was scanned still holds").toBe(secret);
      await there();
      const first = code(secret, Date.now() - 30_000);
      await page.getByLabel("Six digits from the app").fill(first);
      await page.getByRole("button", { name: "Switch it on" }).click();
      await page.waitForURL(/\/account\?made=/);
      const recovery = await page.locator(".codes code").allTextContents();
      expect(recovery).toHaveLength(10);
      await page.reload();
      await expect(page.getByText("These recovery codes were shown already")).toBeVisible();

      await page.context().clearCookies();
      const password = async () => {
        await page.goto("/login?next=/backups");
        await page.getByLabel("Name").fill(ADMIN.name);
        await page.getByLabel("Password").fill(ADMIN.password);
        await page.getByRole("button", { name: "Sign in" }).click();
        await expect(page.getByRole("heading", { level: 1 })).toHaveText("Second factor");
      };
      await password();
      await page.getByLabel("Code").fill(first);
      await page.getByRole("button", { name: "Sign in" }).click();
      await expect(page.getByText("neither the code of this moment")).toBeVisible(); // a code is good once
      await page.getByLabel("Code").fill(code(secret));
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.waitForURL("/backups");

      await page.context().clearCookies();
      await password();
      await page.getByLabel("Code").fill(recovery[0].toUpperCase());
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.waitForURL("/backups");
      await page.goto("/account");
      await there();
      await expect(page.getByText("9 recovery codes are left.")).toBeVisible();
      await page.getByRole("link", { name: "Switch it off…" }).click();
      await page.getByRole("button", { name: "Switch the second factor off" }).click();
      await expect(page.getByRole("link", { name: "Switch it on…" })).toBeVisible();
      const events = (await keepstone.ok("activity", "list")).map(event => event.action);
      expect(events).toEqual(expect.arrayContaining(["user.factor_on", "user.recovery_code_used", "user.factor_off"]));
    });
  });
}
