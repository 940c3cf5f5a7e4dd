// Trunk's last step, dev and release: makes main.css of style/main.css and what it imports, and a .br beside each file.
// Trunk sets TRUNK_STAGING_DIR (what becomes dist/) and TRUNK_PROFILE.
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";

const staging = process.env.TRUNK_STAGING_DIR;
const release = process.env.TRUNK_PROFILE === "release";

/** The text of a style sheet with its imports in their place: `@import "x.css" layer(y);` becomes `@layer y { … }`. */
function styles(path) {
  const text = readFileSync(path, "utf8").replace(/\/\*[\s\S]*?\*\//g, "");
  return text.replace(/@import\s+(?:url\()?["']([^"']+)["']\)?(?:\s+layer\(([\w.-]+)\))?([^;]*);/g, (_, file, layer, media) => {
    if (media.trim()) throw new Error(`${relative(".", path)}: an @import with a condition is not bundled: put @media inside ${file}`);
    const inner = styles(join(dirname(path), file));
    return layer ? `@layer ${layer} {\n${inner}\n}` : inner;
  });
}
// Indentation and empty lines only: whatever else a minifier might win, brotli wins already.
const css = styles("style/main.css").split("\n").map(line => line.trim()).filter(Boolean).join("\n") + "\n";
writeFileSync(join(staging, "main.css"), css);

// Trunk names the files after the package; addresses are short and do not change with it.
const script = readFileSync(join(staging, "keepstone-frontend.js"), "utf8").replaceAll("keepstone-frontend_bg.wasm", "frontend_bg.wasm");
writeFileSync(join(staging, "frontend.js"), script);
renameSync(join(staging, "keepstone-frontend_bg.wasm"), join(staging, "frontend_bg.wasm"));
rmSync(join(staging, "keepstone-frontend.js"));

for (const name of ["frontend.js", "frontend_bg.wasm", "main.css"]) {
  const plain = readFileSync(join(staging, name));
  const params = { [constants.BROTLI_PARAM_QUALITY]: release ? 11 : 1, [constants.BROTLI_PARAM_LGWIN]: 22, [constants.BROTLI_PARAM_SIZE_HINT]: plain.length };
  writeFileSync(join(staging, `${name}.br`), brotliCompressSync(plain, { params }));
}
// The page that Trunk writes is never served: the server renders every page.
rmSync(join(staging, "index.html"), { force: true });
