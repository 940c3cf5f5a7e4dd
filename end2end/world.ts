// A vault that has seen some life, for the specs that look at every page: databases in several states, backups of several kinds, a restore,
// a failed run, something in the trash.
import { writeFile } from "node:fs/promises";
import type { Keepstone } from "./fixtures.ts";
import type { Sqlite } from "./sqlite.ts";

export interface World {
  /** Every page, by a name for its screenshot. */
  pages: Record<string, string>;
  backup: string;
}

export async function live(keepstone: Keepstone, sqlite: Sqlite): Promise<World> {
  const shop = await sqlite.shop("shop.db", 6000);
  await keepstone.protect(shop);
  await keepstone.protect(await sqlite.shop("wiki.db", 800));
  await keepstone.protect(await sqlite.shop("orders.db", 300));
  await keepstone.backUp("shop", "--type", "daily");
  const backup = await keepstone.backUp("shop", "--description", "before the move to the new host", "--tag", "move", "--tag", "v2.4", "--pin");
  await sqlite.execute(shop, "DELETE FROM orders WHERE id % 3 = 0");
  const [restore] = await keepstone.ok("restore", backup, "--replace", "--yes");
  await keepstone.backUp("wiki", "--type", "weekly");
  const unproven = await keepstone.backUp("wiki", "--no-verify");
  const trashed = await keepstone.backUp("shop");
  await keepstone.backUp("shop", "--type", "daily");
  await keepstone.ok("delete", trashed, "--yes");
  await writeFile(keepstone.path("password"), "another horse battery staple\n");
  await keepstone.ok("user", "add", "bert", "--role", "operator", "--password-file", keepstone.path("password"));
  await sqlite.move(keepstone.path("orders.db"), keepstone.path("gone.db"));
  const failed = await keepstone.cli("create", "orders", "--json");
  const failedJob = (await keepstone.ok("job", "list")).find(job => job.state === "failed");
  if (failed.code !== 3 || !failedJob) throw new Error(`a missing source should fail with 3: ${failed.code} ${failed.stdout}`);
  return {
    backup,
    pages: {
      overview: "/",
      databases: "/databases",
      "database": "/databases/shop",
      "database-failed": "/databases/orders",
      "retention": "/databases/shop/retention",
      "retention-tried": "/databases/shop/retention?try=1&daily=1&weekly=x",
      "database-new": "/databases/new",
      backups: "/backups",
      "backups-filtered": "/backups?db=wiki&kind=weekly",
      "backups-calendar": "/backups?view=calendar",
      "backups-selected": `/backups/selected?ids=${backup}&ids=${unproven}&ids=${trashed}`,
      "backups-none": "/backups?q=nothing-has-this",
      backup: `/backups/${backup}`,
      "backup-unproven": `/backups/${unproven}`,
      "backup-trashed": `/backups/${trashed}`,
      "backup-delete": `/backups/${backup}?confirm=delete`,
      "backup-new": "/backups/new",
      "restore-1-plan": `/backups/${backup}/restore`,
      "restore-2-file": `/backups/${backup}/restore?into=file`,
      "restore-2-replace": `/backups/${backup}/restore?into=replace`,
      "backup-export": `/backups/${backup}/export`,
      "database-export": "/databases/shop/export",
      import: "/import",
      jobs: "/jobs",
      "job-restored": `/jobs/${restore.job}`,
      "job-failed": `/jobs/${failedJob.id}`,
      "undo": `/jobs/${restore.job}/undo`,
      trash: "/trash",
      search: "/search?q=s",
      "search-empty": "/search",
      "search-nothing": "/search?q=no+such+thing",
      schedules: "/schedules",
      "schedules-shop": "/schedules/shop?on=cron&cron=30+2+*+*+*&zone=Europe%2FBerlin",
      storage: "/storage",
      activity: "/activity",
      settings: "/settings",
      "token-new": "/settings/tokens/new",
      "person-new": "/settings/people/new",
      person: "/settings/people/bert",
      "person-remove": "/settings/people/bert?confirm=remove",
      account: "/account",
      "account-factor": "/account/factor",
      confirm: "/confirm?next=/trash",
      "trash-empty": "/trash?confirm=empty",
    },
  };
}
