import assert from 'node:assert/strict'
import { test } from 'node:test'
import { medians } from './figures.js'
import { judge, type State } from './judge.js'

const rows: Array<[string, string, number | undefined, number | undefined, State]> = [
  ['a quarter more', 'get server allocated', 1_250, 1_000, 'same'],
  ['over a quarter more', 'get server allocated', 1_251, 1_000, 'worse'],
  ['one more call where there were two', 'get server writes', 3, 2, 'worse'],
  ['CPU time over a quarter more', 'get both cpu', 1.4, 1, 'same'],
  ['CPU time over a half more', 'get both cpu', 1.51, 1, 'worse'],
  ['more calls in bulk', 'upload server writes', 20, 14, 'same'],
  ['half as many calls again in bulk', 'upload server writes', 22, 14, 'worse'],
  ['over a quarter more in bulk', 'upload server allocated', 1_251, 1_000, 'worse'],
  ['over a tenth less', 'echo agent code', 899, 1_000, 'better'],
  ['hardly less', 'echo agent code', 901, 1_000, 'same'],
  ['a tenth less where that is noise', 'upload agent code', 850, 1_000, 'same'],
  ['over a fifth less where a tenth is noise', 'upload agent code', 799, 1_000, 'better'],
  ['a figure without a baseline', 'post agent reads', 2, undefined, 'new'],
  ['a baseline without a figure', 'post agent reads', undefined, 2, 'missing'],
]
for (const [what, figure, measured, baseline, expected] of rows) {
  test(`${what} is ${expected}`, () => {
    const figures = (value: number | undefined) => (value === undefined ? {} : { [figure]: value })
    assert.deepEqual(
      judge(figures(measured), figures(baseline)).map(({ state }) => state),
      [expected],
    )
  })
}

test('several measurements are their median, and their spread is a share of it', () => {
  assert.deepEqual(medians([{ a: 90 }, { a: 100, b: 5 }, { a: 110 }]), {
    figures: { a: 100, b: 5 },
    spreads: { a: 0.2, b: 0 },
  })
})
