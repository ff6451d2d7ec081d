import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import * as constants from './constants.js'
import { parseToAgent, parseToServer } from './control/messages.js'
import { nextState, type StreamEvent, type StreamState } from './session/stream-state.js'
import { SessionPair } from './testing/session-pair.js'

const text = readFileSync(new URL('../../../docs/protocol.md', import.meta.url), 'utf8')

/** The cells of every table row whose first cell matches. */
function rows(first: RegExp): string[][] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .map((cells) => cells.slice(1, -1))
    .filter(([cell]) => first.test(cell!))
}

function blocks(kind: string): string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${kind}\n([^]*?)^\`\`\`$`, 'gm'))].map((match) => match[1]!)
}

test('docs/protocol.md lists the frame types that there are', () => {
  const shown = rows(/^0x/).map(([type, name]) => [Number(type), name!.replaceAll('_', '').toLowerCase()])
  const real = Object.entries(constants.FrameType).map(([name, type]) => [type, name.toLowerCase()])
  assert.deepEqual(shown, real)
})

test('docs/protocol.md shows the limits as they are', () => {
  const shown = rows(/^`[A-Z_]+`$/).map(([name, value]) => [name!.slice(1, -1), Number(value!.replaceAll(',', ''))])
  const all: Record<string, unknown> = { ...constants }
  assert.ok(shown.length >= 10)
  for (const [name, value] of shown) assert.equal(value, all[name as string], name as string)
})

test('docs/protocol.md names path, subprotocol and header as they are', () => {
  assert.ok(text.includes(`\`${constants.LINK_PATH}\``))
  assert.ok(text.includes(`\`${constants.SUBPROTOCOL}\``))
  const header = rows(/^\d+$/).map(([offset, bytes]) => [Number(offset), bytes])
  assert.deepEqual(header.at(-1), [constants.FRAME_HEADER_BYTES, 'length'])
})

test('docs/protocol.md shows the states of a stream as they are', () => {
  const events: StreamEvent[] = ['sendEnd', 'receiveEnd', 'reset']
  const shown = rows(/^(open|halfClosed(Local|Remote)|closed)$/)
  assert.equal(shown.length, 4)
  for (const [state, ...cells] of shown) {
    events.forEach((event, i) => {
      if (cells[i] === '') assert.throws(() => nextState(state as StreamState, event))
      else assert.equal(nextState(state as StreamState, event), cells[i])
    })
  }
})

test('docs/protocol.md shows control messages that are read as they stand', () => {
  const messages = blocks('json').flatMap((block) =>
    block
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  )
  assert.deepEqual(
    messages.map(({ type }) => type),
    ['hello', 'welcome', 'bound', 'refused', 'leave', 'drain', 'resume', 'resumed'],
  )
  for (const message of messages) {
    assert.deepEqual(parseToServer(message) ?? parseToAgent(message), message)
    for (const field of Object.keys(message)) {
      if (field !== 'type')
        assert.equal(rows(new RegExp(`^\`${field}\`$`)).length > 0, true, `${field} is not described`)
    }
  }
})

test('docs/protocol.md shows the bytes of one GET as they are sent', () => {
  const pair = new SessionPair()
  const sent = { server: '', agent: '' }
  for (const side of ['server', 'agent'] as const) {
    const link = side === 'server' ? pair.serverLink : pair.agentLink
    const send = link.send.bind(link)
    link.send = (parts) => {
      sent[side] += Buffer.concat(parts).toString('hex')
      send(parts)
    }
  }
  pair.onOpen = ({ stream }) => {
    stream.sendHead('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n', false)
    stream.write(Buffer.from('hello'))
    stream.end()
  }
  const { near } = pair.open('GET / HTTP/1.1\r\nHost: demo.example.com\r\n', true, 1)
  assert.equal(near.bytes.toString(), 'hello')
  const shown = blocks('hex').map((block) => block.replaceAll(/;.*$/gm, '').replaceAll(/\s/g, ''))
  assert.deepEqual(shown, [sent.server, sent.agent])
})
