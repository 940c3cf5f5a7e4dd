import { open, test } from "../fixtures.ts";
const OUT = "/tmp/rhshots";
test("look", async ({ admin, keepstone, sqlite }) => {
  test.setTimeout(300_000);
  await keepstone.ok("db", "add", await sqlite.shop("shop.db", 40), "--preset", "standard", "--zone", "Europe/Berlin");
  await keepstone.ok("retention", "set", "shop", "--daily-keep", "5");
  for (let n = 0; n < 6; n++) await keepstone.backUp("shop", "--type", "daily");
  await keepstone.backUp("shop", "--type", "weekly");
  await keepstone.backUp("shop", "--description", "before the move", "--pin");
  const last = await keepstone.backUp("shop", "--type", "daily");
  const pages = { schedules: "/schedules", editor: "/schedules/shop?on=cron&cron=30+2+*+*+*&zone=Europe%2FBerlin&kind=&if_missed=run_once&jitter=10min", backups: "/backups", backup: `/backups/${last}`, retention: "/databases/shop/retention", tried: "/databases/shop/retention?try=1&daily=2&weekly=1", database: "/databases/shop" };
  for (const look of [["light", 1280, "light"], ["dark", 1280, "dark"], ["phone", 375, "light"]] as const) {
    await admin.setViewportSize({ width: look[1], height: 800 });
    await admin.emulateMedia({ colorScheme: look[2], reducedMotion: "reduce" });
    for (const [name, path] of Object.entries(pages)) {
      await open(admin, path);
      if (["schedules", "editor"].includes(name)) for (const d of await admin.locator("main details > summary").all()) await d.click();
      await admin.screenshot({ path: `${OUT}/${name}-${look[0]}.png`, fullPage: true });
    }
  }
});
