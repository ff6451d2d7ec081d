import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Figures } from './figures.js'

const FILE = fileURLToPath(new URL('../../baselines.json', import.meta.url))
const DIGITS = 4

/** What was measured when it was last taken for right, on one major version of Node. */
export interface Baselines {
  /** Date, commit and version of Node, for whoever reads the file. */
  recorded: string
  figures: Figures
}

/** By the major version of Node: V8 and Node's own code differ. */
type File = Record<string, Baselines>

export const nodeMajor = process.versions.node.split('.')[0]!

/** Those of the Node that runs this; undefined when nobody has recorded any. */
export function readBaselines(): Baselines | undefined {
  return readFile()[nodeMajor]
}

/** Puts them in the place of those of the Node that runs this. */
export function recordBaselines({ recorded, figures }: Baselines): void {
  const rounded = Object.entries(figures).map(([name, value]) => [name, Number(value.toPrecision(DIGITS))])
  const file: File = { ...readFile(), [nodeMajor]: { recorded, figures: Object.fromEntries(rounded) } }
  writeFileSync(FILE, `${JSON.stringify(file, undefined, 2)}\n`)
}

function readFile(): File {
  return existsSync(FILE) ? (JSON.parse(readFileSync(FILE, 'utf8')) as File) : {}
}
