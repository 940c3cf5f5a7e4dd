// node playwright-report.mjs REPORT FAILURES: prints "passed failed skipped" of Playwright's JSON report, and appends what failed to FAILURES.
import { appendFileSync, readFileSync } from "node:fs";

const [report, failures] = process.argv.slice(2);
const { stats, suites } = JSON.parse(readFileSync(report, "utf8"));
const plain = text => text.replace(/\x1b\[[0-9;]*m/g, "");

function failed(suite) {
  for (const inner of suite.suites ?? []) failed(inner);
  for (const spec of suite.specs.filter(spec => !spec.ok)) {
    const errors = spec.tests.flatMap(test => test.results).flatMap(result => result.errors);
    const words = errors.map(error => plain(error.message ?? "").split("\n").slice(0, 12).join("\n"));
    appendFileSync(failures, `---- ${spec.file}:${spec.line} ${spec.title} ----\n${words.join("\n")}\n`);
  }
}
suites.forEach(failed);
console.log(stats.expected + stats.flaky, stats.unexpected, stats.skipped);
