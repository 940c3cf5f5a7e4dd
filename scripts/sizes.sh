#!/usr/bin/env bash
# Prints what a browser loads, plain and compressed, and fails above the console's limits (brotli): 350 kB WASM, 12 kB JS, 14 kB CSS.
source "$(dirname "$0")/common.sh"
node -e '
const { statSync } = require("fs");
const limits = { "frontend_bg.wasm": 350_000, "frontend.js": 12_000, "main.css": 14_000 };
const kB = n => (n / 1000).toFixed(1).padStart(8) + " kB";
let over = 0;
console.log("file                   plain     brotli      limit");
for (const [name, limit] of Object.entries(limits)) {
  const [plain, brotli] = [statSync("dist/" + name).size, statSync("dist/" + name + ".br").size];
  if (brotli > limit) over++;
  console.log(name.padEnd(17) + kB(plain) + kB(brotli) + kB(limit) + (brotli > limit ? "   too large" : ""));
}
process.exit(over ? 1 : 0);
' || die "the bundle is larger than its limits allow"
