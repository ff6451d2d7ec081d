import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Put `text` between two markers of a page of this repository. Throws when the page does not have them. */
export function writeBetween(page: string, begin: string, end: string, text: string): void {
  const path = fileURLToPath(new URL(`../../../${page}`, import.meta.url))
  writeFileSync(path, between(readFileSync(path, 'utf8'), begin, end, text))
}

export function between(page: string, begin: string, end: string, text: string): string {
  const [from, to] = [page.indexOf(begin), page.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`the markers are gone: ${begin} … ${end}`)
  return `${page.slice(0, from)}${begin}\n\n${text}\n\n${page.slice(to)}`
}
