import { createHash, createHmac, timingSafeEqual } from 'node:crypto'

/** What whoever shows it has been let in by, and to what. */
export interface Pass {
  /** Name of the tunnel. */
  tunnel: string
  /** As ruleDigest gives it: with another password the pass is void. */
  rule: string
  /** A path of the tunnel; the pass is for that and what lies below. */
  path: string
  /** In milliseconds since the epoch. */
  ends: number
}

/** Longer than any of ours. */
const MAX_LENGTH = 1_024
const SHAPE = /^v1\.([\w-]+)\.([\w-]{43})$/

/**
 * Signs and reads passes: `v1.<payload>.<mac>`, in characters that a cookie may have. Nothing is kept of them: whoever has the key can say what was given.
 */
export class Passes {
  readonly #key: Buffer
  readonly #now: () => number

  /** `now`: default Date.now; tests pass their own. */
  constructor(key: Buffer, now: () => number = Date.now) {
    this.#key = key
    this.#now = now
  }

  sign({ tunnel, rule, path, ends }: Pass): string {
    const payload = Buffer.from(JSON.stringify([tunnel, rule, path, ends])).toString('base64url')
    return `v1.${payload}.${this.#macOf(payload).toString('base64url')}`
  }

  /** What `text` lets in; undefined for what is no pass of ours, or one that has ended. */
  read(text: string): Pass | undefined {
    const match = text.length > MAX_LENGTH ? null : SHAPE.exec(text)
    if (match === null) return undefined
    const payload = match[1]!
    if (!timingSafeEqual(this.#macOf(payload), Buffer.from(match[2]!, 'base64url'))) return undefined
    // Nobody but us can have written it.
    const [tunnel, rule, path, ends] = JSON.parse(Buffer.from(payload, 'base64url').toString()) as [
      string,
      string,
      string,
      number,
    ]
    return ends > this.#now() ? { tunnel, rule, path, ends } : undefined
  }

  #macOf(payload: string): Buffer {
    return createHmac('sha256', this.#key).update(`v1.${payload}`).digest()
  }
}

/** Names a rule of a tunnel in a pass, without saying what it is. */
export function ruleDigest(kind: string, rule: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify([kind, rule]))
    .digest('base64url')
    .slice(0, 22)
}

/** In the place of a rule: the visitor has seen the warning. */
export const WARNED = ruleDigest('interstitial', '')

/** What apps may take for a way up, or for another slash. */
const AMBIGUOUS = /(?:^|[/\\])\.{1,2}(?:[/\\;]|$)|%2e|%2f|%5c|\\/i

/** Whether `target`, as requested, is `path` or below it, however an app reads it. */
export function covers(path: string, target: string): boolean {
  if (path === '/') return true
  const wanted = target.split(/[?#]/, 1)[0]!
  if (AMBIGUOUS.test(wanted)) return false
  return wanted === path || wanted.startsWith(path.endsWith('/') ? path : `${path}/`)
}
