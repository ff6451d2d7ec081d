import { isTenure } from '../registry/claims.js'
import type { NameRecord } from '../registry/holding.js'
import { isLabel } from '../registry/names.js'

// The file is JSON with one name a line, so that it can be written in pieces and read by people.

const VERSION = 1
/** Names put together without giving others a turn. */
const PIECE = 1_000

/** The file in pieces, none of which takes long to put together. `records` may change between them. */
export function* namesFile(records: Iterable<NameRecord>): Generator<string> {
  let piece = `{"version":${VERSION},"names":[`
  let count = 0
  for (const { name, account, tenure, pooled } of records) {
    piece += `${count === 0 ? '\n' : ',\n'}${JSON.stringify({ name, account, tenure, pool: pooled })}`
    count++
    if (count % PIECE > 0) continue
    yield piece
    piece = ''
  }
  yield `${piece}\n]}\n`
}

/** What namesFile wrote. Throws an Error that says what is wrong with it. */
export function parseNamesFile(text: string): NameRecord[] {
  const content: unknown = JSON.parse(text)
  const { version, names } = isObject(content) ? content : {}
  if (version !== VERSION) throw new Error(`expected version ${VERSION}, found ${JSON.stringify(version)}`)
  if (!Array.isArray(names)) throw new Error('expected a list of names')
  const seen = new Set<string>()
  return names.map((each: unknown) => {
    const { name, account, tenure, pool } = isObject(each) ? each : {}
    const isRecord = isLabel(name) && typeof account === 'string' && isTenure(tenure) && typeof pool === 'boolean'
    if (!isRecord || seen.has(name))
      throw new Error(`${JSON.stringify(each).slice(0, 200)} is no name, or is there twice`)
    seen.add(name)
    return { name, account, tenure, pooled: pool }
  })
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
