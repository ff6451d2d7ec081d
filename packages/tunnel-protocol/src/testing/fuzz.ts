import fc from 'fast-check'

/** TUNNEL_FUZZ_RUNS: how many times as many cases as usual, for a long hunt. Default 1. */
const times = Number(process.env.TUNNEL_FUZZ_RUNS ?? '1')
/**
 * TUNNEL_FUZZ_SEED: a whole number, printed by a failing run, that repeats it. Default: always the same cases, so that a change is to blame when
 * a run fails; in a hunt, with TUNNEL_FUZZ_RUNS, other ones each time.
 */
const seed = process.env.TUNNEL_FUZZ_SEED ?? (times === 1 ? '1' : undefined)

/** How fast-check runs a fuzz test of `runs` cases. What fails is made small, and printed with its seed. */
export function fuzzing(runs: number): { numRuns: number; seed?: number } {
  const numRuns = Math.max(1, Math.round(runs * times))
  return seed === undefined ? { numRuns } : { numRuns, seed: Number(seed) }
}

/** `bytes`, printed as text where a test fails with them. */
export function readable(bytes: Buffer): Buffer {
  return Object.assign(bytes, { [fc.toStringMethod]: () => JSON.stringify(bytes.toString('latin1')) })
}

/** Places to cut bytes at, for cut(). */
export const cuts = fc.array(fc.nat(5_000), { maxLength: 8 })

/** One change to a run of bytes; `at` counts from the start again where it is beyond the end. */
export interface Mutation {
  at: number
  kind: 'flip' | 'set' | 'insert' | 'remove' | 'repeat' | 'token'
  value: number
  count: number
}

/** Changes at up to `places` offsets; `token` puts in one of the tokens given to mutate(). */
export function mutations(places: number, kinds: Array<Mutation['kind']>): fc.Arbitrary<Mutation> {
  return fc.record({
    at: fc.nat(places),
    kind: fc.constantFrom(...kinds),
    value: fc.nat(255),
    count: fc.integer({ min: 1, max: 30 }),
  })
}

/** A copy of `bytes` with all of `list` done to it, in order. */
export function mutate(bytes: Buffer, list: Mutation[], tokens: Buffer[] = []): Buffer {
  let out = Buffer.from(bytes)
  for (const { at, kind, value, count } of list) {
    const from = at % (out.length + 1)
    const put = (piece: Buffer) => Buffer.concat([out.subarray(0, from), piece, out.subarray(from)])
    if (kind === 'flip' && from < out.length) out[from]! ^= 1 << (value & 7)
    else if (kind === 'set') out.fill(value, from, Math.min(out.length, from + 1))
    else if (kind === 'insert') out = put(Buffer.alloc(count, value))
    else if (kind === 'remove') out = Buffer.concat([out.subarray(0, from), out.subarray(from + count)])
    else if (kind === 'token') out = put(tokens[value % tokens.length]!)
    else if (kind === 'repeat') out = put(out.subarray(from, from + count))
  }
  return out
}
