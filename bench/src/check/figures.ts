import { traffics } from './traffic.js'

/** Of figures that are the same in each run. */
const LIMIT = 0.25
/** Of figures that depend on what happens to come together: a sixth of it is noise (README.md). */
const WIDE_LIMIT = 0.5

/** All that is measured: how it reads, and how much more than its baseline fails the check, as a share of it, for small exchanges and for bulk. */
const kinds = {
  allocated: { words: 'bytes allocated on the heap', limit: LIMIT, bulkLimit: LIMIT },
  buffers: { words: 'bytes of buffers outside the heap', limit: LIMIT, bulkLimit: LIMIT },
  code: { words: 'characters of our code run', limit: LIMIT, bulkLimit: WIDE_LIMIT },
  nodeCode: { words: "characters of Node's code run", limit: LIMIT, bulkLimit: WIDE_LIMIT },
  reads: { words: 'calls of read', limit: LIMIT, bulkLimit: WIDE_LIMIT },
  writes: { words: 'calls of write', limit: LIMIT, bulkLimit: WIDE_LIMIT },
  cpu: { words: 'times the CPU time of bare relays', limit: WIDE_LIMIT, bulkLimit: WIDE_LIMIT },
}

export type Kind = keyof typeof kinds

/** By traffic, process and kind: `get server allocated`. Per unit of the traffic. */
export type Figures = Record<string, number>

export function figureName(traffic: string, role: string, kind: Kind): string {
  return `${traffic} ${role} ${kind}`
}

/** What a figure is of, per which unit, and what it may exceed its baseline by. */
export function describeFigure(figure: string): { words: string; unit: string; limit: number } {
  const [name = '', , kind = ''] = figure.split(' ')
  const { words, limit, bulkLimit } = kinds[kind as Kind]
  const traffic = traffics.find((each) => each.name === name)
  return { words, unit: traffic?.unit ?? '', limit: traffic?.bulk ? bulkLimit : limit }
}

/** Of several measurements, figure by figure; and how far apart the least and the most are, as a share of it. */
export function medians(measured: Figures[]): { figures: Figures; spreads: Figures } {
  const figures: Figures = {}
  const spreads: Figures = {}
  for (const name of new Set(measured.flatMap((each) => Object.keys(each)))) {
    const values = measured
      .map((each) => each[name])
      .filter((value) => value !== undefined)
      .sort((a, b) => a - b)
    const median = values[values.length >> 1]!
    figures[name] = median
    spreads[name] = (values.at(-1)! - values[0]!) / median
  }
  return { figures, spreads }
}
