// A vault that has seen some life, for the specs that look at every page: databases in several states, backups of several kinds, a restore,
// a failed run, something in the trash.
import { spawn } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { BINARY, type Keepstone } from "./fixtures.ts";
import type { Sqlite } from "./sqlite.ts";

export interface World {
  /** Every page, by a name for its screenshot. */
  pages: Record<string, string>;
  backup: string;
}

/** What people and applications call things. */
export interface Names { folder: string; file: string; description: string; tag: string; table: string; column: string; person: string; token: string }

const PLAIN: Names = {
  folder: ".", file: "shop.db", description: "before the move to the new host", tag: "move", table: "notes", column: "text", person: "bert", token: "deploy",
};

const SCRIPT = "</textarea><script>alert(1)</script><img src=x onerror=alert(2)>";
const MIXED = "\u202egnihton \u{1F5C4}\u{1F468}\u200d\u{1F469}\u200d\u{1F467} \"><b>'&amp;`{{7*7}}${7*7}";

/** Names that mean harm, or are as long as they may be. */
export const HOSTILE: Names = {
  folder: `${SCRIPT}`,
  file: `${"\u202e<svg onload=alert(3)> \u{1F5C4} ".padEnd(240, "ä").slice(0, 130)}.db`,
  description: `${SCRIPT}${MIXED}${"W".repeat(500)}`.slice(0, 255),
  tag: `<script>alert(4)</script>\u202e\u{1F5C4}`.padEnd(50, "W"),
  table: `${SCRIPT}${MIXED}`.padEnd(255, "W"),
  column: `${MIXED}${SCRIPT}`.padEnd(255, "W"),
  person: "\u0645\u062D\u0645\u062F\u05D0\u05D1".padEnd(64, "\u05D0"),
  token: "t".repeat(64),
};

export async function live(keepstone: Keepstone, sqlite: Sqlite, names: Names = PLAIN): Promise<World> {
  await mkdir(keepstone.path(names.folder), { recursive: true });
  const shop = await sqlite.shop(join(names.folder, names.file), 6000);
  const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;
  await sqlite.execute(shop, `CREATE TABLE ${quoted(names.table)} (${quoted(names.column)} TEXT)`);
  await keepstone.ok("db", "add", shop, "--name", "shop");
  await keepstone.protect(await sqlite.shop("wiki.db", 800));
  await keepstone.protect(await sqlite.shop("orders.db", 300));
  await keepstone.backUp("shop", "--type", "daily");
  const backup = await keepstone.backUp("shop", "--description", names.description, "--tag", names.tag, "--tag", "v2.4", "--pin");
  await sqlite.execute(shop, "DELETE FROM orders WHERE id % 3 = 0");
  const [restore] = await keepstone.ok("restore", backup, "--replace", "--yes");
  await keepstone.backUp("wiki", "--type", "weekly");
  const unproven = await keepstone.backUp("wiki", "--no-verify");
  const trashed = await keepstone.backUp("shop");
  await keepstone.backUp("shop", "--type", "daily");
  await keepstone.ok("delete", trashed, "--yes");
  await writeFile(keepstone.path("password"), "another horse battery staple\n");
  await keepstone.ok("user", "add", names.person, "--role", "operator", "--password-file", keepstone.path("password"));
  await keepstone.ok("token", "create", names.token, "--scope", "read");
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
      "activity-filtered": "/activity?who=cli&result=failed",
      settings: "/settings",
      "token-new": "/settings/tokens/new",
      "person-new": "/settings/people/new",
      person: `/settings/people/${encodeURIComponent(names.person)}`,
      "person-remove": `/settings/people/${encodeURIComponent(names.person)}?confirm=remove`,
      account: "/account",
      "account-factor": "/account/factor",
      confirm: "/confirm?next=/trash",
      "trash-empty": "/trash?confirm=empty",
    },
  };
}

/** Pages of a vault in which much has gone wrong. */
export async function wrong(keepstone: Keepstone, sqlite: Sqlite): Promise<Record<string, string>> {
  const shop = await sqlite.shop();
  await keepstone.protect(shop);
  const missing = await keepstone.backUp("shop");
  const [bad] = await keepstone.ok("create", "shop");
  const good = await keepstone.backUp("shop");
  await rm((await keepstone.ok("show", missing))[0].path);
  await sqlite.flipByte(bad.path, 0.5);
  await fails(keepstone, 4, "verify", bad.id);
  await fails(keepstone, 4, "restore", bad.id, "--replace", "--yes");
  await keepstone.cli("verify", missing);
  await sqlite.execute(shop, "DELETE FROM orders WHERE id > 20");
  await fails(keepstone, 4, "create", "shop");
  await keepstone.protect(await sqlite.shop("gone.db", 100));
  await sqlite.move(keepstone.path("gone.db"), keepstone.path("elsewhere.db"));
  await fails(keepstone, 3, "create", "gone");
  const jobs: any[] = await keepstone.ok("job", "list");
  const failed = (verb: string) => `/jobs/${jobs.find(job => job.verb === verb && job.state === "failed").id}`;
  const suspect = (await keepstone.ok("list", "shop")).find(backup => backup.suspect).id;
  return {
    "wrong-overview": "/", "wrong-databases": "/databases", "wrong-database": "/databases/shop", "wrong-database-failed": "/databases/gone", "wrong-backups": "/backups",
    "wrong-backup-bad": `/backups/${bad.id}`, "wrong-backup-missing": `/backups/${missing}`, "wrong-backup-suspect": `/backups/${suspect}`, "wrong-jobs": "/jobs",
    "wrong-restore-refused": `/backups/${bad.id}/restore?into=replace`, "wrong-restore-failed": failed("restore"), "wrong-create-failed": failed("create"),
    "wrong-delete-refused": `/backups/${good}?confirm=delete`, "wrong-activity": "/activity?result=failed",
  };
}

async function fails(keepstone: Keepstone, code: number, ...args: string[]) {
  const run = await keepstone.cli(...args);
  if (run.code !== code) throw new Error(`keepstone ${args.join(" ")} ends with ${run.code}, not ${code}: ${run.stdout}${run.stderr}`);
}

/** Pages while a create stands still in its midst, as one does whose disk does not answer; and how that ends. */
export async function going(keepstone: Keepstone, sqlite: Sqlite): Promise<{ pages: Record<string, string>; stop: () => void }> {
  await keepstone.protect(await sqlite.shop());
  const good = await keepstone.backUp("shop");
  await keepstone.protect(await sqlite.big("parts.db", 80));
  const child = spawn(BINARY, ["--data", keepstone.data, "create", "parts"], { stdio: "ignore" });
  let job: any;
  while (!job) job = (await keepstone.ok("job", "list")).find(job => job.database === "parts" && job.state === "running");
  child.kill("SIGSTOP");
  const running = (await keepstone.ok("list", "parts"))[0].id;
  return {
    pages: {
      "running-overview": "/", "running-databases": "/databases", "running-database": "/databases/parts", "running-backups": "/backups",
      "running-backup": `/backups/${running}`, "job-running": `/jobs/${job.id}`, "running-jobs": "/jobs", "running-restore-beside": `/backups/${good}/restore?into=replace`,
    },
    stop: () => child.kill("SIGKILL"),
  };
}
