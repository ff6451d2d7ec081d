import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { fromNpm, sourceFromCrates } from './registries.js'
import type { Suite } from './suite.js'
import { type Outcome, REASONS, type Vector, vectorSuite } from './vectors.js'

const VERSION = '0.1.3'
const YAML = '2.9.1'

/**
 * The cases of http_desync_guardian, with which AWS tests how its load balancers class requests. Its documentation says what
 * has to be done with each class; that is held against what the visitor and the app see.
 */
export const desyncGuardian: Suite = {
  name: 'http_desync_guardian',
  version: VERSION,
  async obtain() {
    const source = await sourceFromCrates('http_desync_guardian', VERSION)
    if (source === undefined) return 'its cases come as a crate, and cargo is not installed'
    const modules = await fromNpm(`yaml-${YAML}`, { dependencies: { yaml: YAML } })
    const { parse } = (await import(pathToFileURL(join(modules, 'yaml/dist/index.js')).href)) as {
      parse: (text: string) => Case[]
    }
    const folder = join(source, 'tests')
    const files = readdirSync(folder).filter((file) => file.endsWith('.yaml'))
    return vectorSuite(files.flatMap((file) => parse(readFileSync(join(folder, file), 'utf8')).map(vector(file))))
  },
  known: [
    [/Transfer-Encoding: identity|Correct TE|Multiple transfer enc|Different Transfer-Encoding/, REASONS.codings],
  ],
}

type Tier = 'Compliant' | 'Acceptable' | 'Ambiguous' | 'Severe'

interface Case {
  name: string
  method: string
  uri: string
  version: string
  headers: Array<{ name: string; value: string | number }> | null
  expected: { tier: Tier }
}

function vector(file: string): (given: Case, index: number) => Vector {
  return (given, index) => {
    const { tier } = given.expected
    return {
      name: `${file.replace('.yaml', '')} ${index + 1}, ${tier}: ${given.name}`,
      bytes: (authority) => Buffer.from(request(given, authority), 'latin1'),
      complaint: (outcome) => complaints[tier](outcome, given),
    }
  }
}

/** The cases have no bodies and mostly no Host; only what is in order gets the body that it announces. */
function request({ method, uri, version, headers, expected }: Case, authority: string): string {
  const fields = (headers ?? []).map(({ name, value }) => [name, String(value)] as const)
  const fieldOf = (wanted: string) => fields.find(([name]) => name.toLowerCase() === wanted)?.[1]
  const lines = fields.map(([name, value]) => `${name}: ${value}`)
  if (fieldOf('host') === undefined) lines.unshift(`Host: ${authority}`)
  const head = [`${method} ${uri}${version === '' ? '' : ` ${version}`}`, ...lines].join('\r\n')
  if (expected.tier === 'Ambiguous' || expected.tier === 'Severe')
    return `${head}\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: ${authority}\r\n\r\n`
  if (fieldOf('transfer-encoding') !== undefined) return `${head}\r\n\r\n5\r\nhello\r\n0\r\n\r\n`
  return `${head}\r\n\r\n${'a'.repeat(Number(fieldOf('content-length') ?? 0))}`
}

/** What the crate's tests/*.yaml and README say of each class. */
const complaints: Record<Tier, (outcome: Outcome, given: Case) => string> = {
  // "compliant with the RFC": it goes through, once.
  Compliant: (outcome, { method, uri }) => {
    const [first] = outcome.requests
    if (outcome.requests.length !== 1 || outcome.statuses[0] !== 200) return described(outcome)
    return first!.method === method && first!.target === uri ? '' : `${first!.method} ${first!.target} arrived`
  },
  // "it is OK to tolerate", and not to.
  Acceptable: (outcome) => (outcome.requests.length <= 1 ? '' : described(outcome)),
  // "should either reject such requests, or close both connections immediately after the response was sent".
  Ambiguous: (outcome) => {
    const [, ...later] = outcome.statuses
    const alone = outcome.requests.length <= 1 && later.every((status) => status >= 400) && outcome.closed
    return refused(outcome) || alone ? '' : described(outcome)
  },
  // "MUST be treated as irrecoverable error (400 + closing the connection)".
  Severe: (outcome) => (refused(outcome) && outcome.closed ? '' : described(outcome)),
}

function refused({ requests, statuses }: Outcome): boolean {
  return requests.length === 0 && statuses.length <= 1 && statuses.every((status) => status >= 400)
}

function described({ requests, statuses, closed }: Outcome): string {
  const arrived = requests.map(({ method, target }) => `${method} ${target}`).join(', ') || 'nothing'
  return `${arrived} arrived; answered ${statuses.join(', ') || 'nothing'}; connection ${closed ? 'closed' : 'kept'}`
}
