import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Session } from 'tunnel-protocol'
import { avoid, pickIndex } from './pick.js'
import type { Carrier, Member, Tunnel } from './tunnel.js'

interface Facts {
  streams?: number
  attached?: boolean
  suspect?: boolean
  remote?: boolean
}

function member({ streams = 0, attached = true, suspect = false, remote = false }: Facts): Member {
  const holder = { session: { streamCount: streams } as Session, attached, suspect, remote } as Carrier
  return { tunnel: {} as Tunnel, holder, number: 1, agents: [], avoidedUntil: 0 }
}

const rows: Array<[what: string, members: Facts[], start: number, expected: number]> = [
  ['nobody', [], 0, -1],
  ['nobody who can be reached', [{ attached: false }, { attached: false }], 0, -1],
  ['the one with the fewest streams', [{ streams: 3 }, { streams: 1 }, { streams: 2 }], 0, 1],
  ['the first from the start on where all carry the same', [{}, {}, {}], 2, 2],
  ['the first again behind the last', [{}, {}, {}], 3, 0],
  ['whoever has a link, be he busy', [{ attached: false }, { streams: 9 }], 0, 1],
  ['the one whose link is sure, be he busy', [{ suspect: true }, { streams: 9 }], 0, 1],
  ['one that is here, be he busy', [{ remote: true }, { streams: 9 }], 0, 1],
  ['one in another worker whose link is sure', [{ suspect: true }, { remote: true }], 0, 1],
  ['one whose link is not sure before none', [{ suspect: true }, { attached: false }], 0, 0],
]
for (const [what, facts, start, expected] of rows) {
  test(`of ${facts.length} members gets the next request: ${what}`, () => {
    assert.equal(pickIndex(facts.map(member), start, 0), expected)
  })
}

test('who sent a request back comes last for a moment', () => {
  const members = [member({}), member({ streams: 5, suspect: true })]
  avoid(members[0]!, 1_000)
  assert.equal(pickIndex(members, 0, 1_000), 1)
  assert.equal(pickIndex(members.slice(0, 1), 0, 1_000), 0)
  assert.equal(pickIndex(members, 0, 2_000), 0)
})
