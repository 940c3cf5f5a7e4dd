// A real database of some hundred MB that nobody here made; scripts/real-database.sh says where from, and what stands in for it offline.
import { execFileSync } from "node:child_process";

let path: string | undefined;

export async function realDatabase(): Promise<string> {
  path ??= execFileSync("../scripts/real-database.sh", { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] }).trim();
  return path;
}
