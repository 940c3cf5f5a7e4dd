// What axe finds on a page.
import axe from "axe-core";
import type { Page } from "@playwright/test";
import { open } from "./fixtures.ts";

const STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const WIDTHS = [1280, 375];
/** Rules that look at colours. Light and dark are one document, so the others find the same in both. */
const COLOURS = ["color-contrast", "link-in-text-block"];

/** The findings (WCAG 2.2 AA and best practice), one line each. */
async function findings(page: Page, only?: string[]): Promise<string[]> {
  await page.evaluate(axe.source); // by the debugger, so the page's policy has no say
  const results = await page.evaluate(runOnly => (window as any).axe.run(document, { runOnly, resultTypes: ["violations"] }),
    only ? { type: "rule", values: only } : { type: "tag", values: STANDARDS });
  return results.violations.flatMap((rule: any) => rule.nodes.map((node: any) => `${rule.impact} ${rule.id}: ${node.target.join(" ")}: ${node.failureSummary.split("\n")[1]?.trim()}`));
}

/** The findings on the page that is open: wide and as a phone has it, in light and in dark. */
export async function findingsHere(page: Page, name: string): Promise<string[]> {
  const found: string[] = [];
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 800 });
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      found.push(...(await findings(page, colorScheme === "dark" ? COLOURS : undefined)).map(line => `${name} ${width} ${colorScheme}: ${line}`));
    }
  }
  return found;
}

/** The findings on each of these pages, by their names. */
export async function findingsOn(page: Page, pages: Record<string, string>): Promise<string[]> {
  const found: string[] = [];
  for (const [name, path] of Object.entries(pages)) {
    await open(page, path);
    found.push(...await findingsHere(page, name));
  }
  return found;
}

/** The same finding on many pages is one line. */
export function gathered(found: string[]): string[] {
  const places = new Map<string, string[]>();
  for (const line of found) {
    const [place, ...finding] = line.split(": ");
    places.set(finding.join(": "), [...places.get(finding.join(": ")) ?? [], place]);
  }
  return [...places].map(([finding, at]) => `${finding} (${at.slice(0, 3).join(", ")}${at.length > 3 ? `, ${at.length - 3} more` : ""})`);
}
