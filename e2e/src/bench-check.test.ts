import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Figures } from 'tunnel-bench/check/figures'
import { judge } from 'tunnel-bench/check/judge'
import { measure } from 'tunnel-bench/check/measure'
import { get } from 'tunnel-bench/check/traffic'
import { startOrigin } from 'tunnel-bench/origin/start'
import { Stage } from 'tunnel-bench/stage'

const MINUTES = 60_000
/** What a figure may differ by from one measurement to the next: a third of what fails the check. */
const NOISE = 0.25 / 3
const WORSE = import.meta.resolve('tunnel-bench/check/worse')

const skip = process.platform === 'win32' && 'there is no signal by which the commands could be asked'
const counted = process.platform === 'linux'
const stage = new Stage()
after(() => stage[Symbol.dispose]())

let originPort: Promise<number> | undefined
let clean: Promise<Figures> | undefined

/** Small requests through commands that do more for each than they have to, in one of the ways of worse.ts. */
async function requestsThatAlso(way: string, cpu = false): Promise<Figures> {
  originPort ??= startOrigin(stage)
  const nodeArgs = ['--import', `${WORSE}?${way}`]
  return measure({ stage, originPort: await originPort, traffics: [get], nodeArgs, cpu })
}

/** The baselines. */
function cleanRequests(): Promise<Figures> {
  clean ??= requestsThatAlso('nothing', counted)
  return clean
}

test('the same path costs the same again', { skip, timeout: 5 * MINUTES }, async () => {
  const verdicts = judge(await requestsThatAlso('nothing'), await cleanRequests())
  const kinds = verdicts
    .filter(({ figure }) => figure.startsWith('get server'))
    .map(({ figure }) => figure.split(' ')[2])
  assert.deepEqual(kinds.sort(), ['allocated', 'buffers', 'code', 'nodeCode', ...(counted ? ['reads', 'writes'] : [])])
  const noisy = verdicts.filter(({ state, more }) => state !== 'missing' && Math.abs(more) > NOISE)
  assert.deepEqual(noisy, [])
})

const rows: Array<[string, string, string[]]> = [
  ['parses each head twice more', 'parse', ['get server code', 'get agent code']],
  ['allocates 4 KiB', 'allocate', ['get server allocated', 'get agent allocated']],
  ['writes once more', 'write', counted ? ['get server writes', 'get agent writes'] : []],
]
for (const [what, way, expected] of rows) {
  test(`a path that ${what} fails`, { skip, timeout: 5 * MINUTES }, async () => {
    const verdicts = judge(await requestsThatAlso(way), await cleanRequests())
    const worse = verdicts.filter(({ state }) => state === 'worse').map(({ figure }) => figure)
    assert.deepEqual(
      expected.filter((figure) => !worse.includes(figure)),
      [],
    )
  })
}

test('a path that copies for nothing fails by its CPU time', {
  skip: skip || !counted,
  timeout: 5 * MINUTES,
}, async () => {
  const verdicts = judge(await requestsThatAlso('copy', true), await cleanRequests())
  const worse = verdicts.filter(({ state }) => state === 'worse').map(({ figure }) => figure)
  assert.deepEqual(worse, ['get both cpu'])
})
