import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { cut } from '../testing/cut.js'
import { HeadReader } from './head-reader.js'

/** Reads every head in `chunks`; what follows a head in its chunk is looked at as the next head. */
function readAll(chunks: Buffer[], maxBytes = 1_000): { heads: string[]; started: boolean } {
  const reader = new HeadReader(maxBytes)
  const heads: string[] = []
  for (const chunk of chunks) {
    let offset = 0
    while (offset < chunk.length) {
      const head = reader.read(chunk, offset)
      if (head === undefined) break
      heads.push(head)
      assert.ok(reader.end > offset && reader.end <= chunk.length)
      offset = reader.end
    }
  }
  return { heads, started: reader.started }
}

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n'

test('a head comes without its empty line, and `end` is behind it', () => {
  const reader = new HeadReader(100)
  const chunk = Buffer.from(`xx${GET}\r\nbody`)
  assert.equal(reader.read(chunk, 2), GET)
  assert.equal(chunk.toString('latin1', reader.end), 'body')
  assert.equal(reader.started, false)
})

test('bytes beyond ASCII come as they are, one character each', () => {
  const head = 'GET /\xff\x80 HTTP/1.1\r\nX: \xe4\r\n'
  assert.deepEqual(readAll([Buffer.from(`${head}\r\n`, 'latin1')]).heads, [head])
})

test('cut at any bytes, any heads come out the same', () => {
  const line = fc.stringMatching(/^[\x20-\x7e\x80-\xff]{1,30}$/)
  const head = fc.array(line, { minLength: 1, maxLength: 6 }).map((list) => list.map((each) => `${each}\r\n`).join(''))
  const check = fc.property(fc.array(head, { maxLength: 5 }), fc.array(fc.nat(1_000)), (heads, cuts) => {
    const bytes = Buffer.from(heads.map((each) => `${each}\r\n`).join(''), 'latin1')
    assert.deepEqual(readAll(cut(bytes, cuts)), { heads, started: false })
  })
  fc.assert(check, { numRuns: 500 })
})

test('empty lines in front of a head are passed over, in any pieces', () => {
  const bytes = Buffer.from(`\r\n\r\n${GET}\r\n`)
  for (let at = 0; at <= bytes.length; at++) assert.deepEqual(readAll(cut(bytes, [at])).heads, [GET])
  assert.equal(readAll([Buffer.from('\r\n\r\n')]).started, false)
})

test('a reader knows whether a head has started', () => {
  const reader = new HeadReader(100)
  assert.equal(reader.started, false)
  reader.read(Buffer.from('G'), 0)
  assert.equal(reader.started, true)
  reader.read(Buffer.from('ET / HTTP/1.1\r\n\r\n'), 0)
  assert.equal(reader.started, false)
})

test('the limit holds to the byte, wherever the head is cut', () => {
  const fits = Buffer.from(`GET / HTTP/1.1\r\nX: ${'x'.repeat(81)}\r\n\r\n`)
  const maxBytes = fits.length - 4
  for (let at = 0; at <= fits.length; at++) {
    assert.equal(readAll(cut(fits, [at]), maxBytes).heads.length, 1, `cut at ${at}`)
    assert.throws(() => readAll(cut(fits, [at]), maxBytes - 1), { code: 'TUN_ERR_HEAD_TOO_LARGE' }, `cut at ${at}`)
  }
})

test('a head that never ends is refused once it is over the limit, and never kept beyond it', () => {
  const reader = new HeadReader(1_000)
  reader.read(Buffer.from('A: b\r\n'), 0)
  let fed = 0
  const feed = () => {
    for (; fed < 5_000; fed += 10) reader.read(Buffer.alloc(10, 'x'), 0)
  }
  assert.throws(feed, { code: 'TUN_ERR_HEAD_TOO_LARGE' })
  assert.ok(fed <= 1_010)
})

for (const text of [
  'GET / HTTP/1.1\nHost: a\n\n',
  'GET / HTTP/1.1\r\nHost: a\n\n',
  'GET / HTTP/1.1\r\nA: b\r\nHost: a\n\nbody',
  'GET / HTTP/1.1\rHost: a\r\r',
  'GET / HTTP/1.1\r\nHost: a\r\rbody',
  'GET / HTTP/1.1\r\nHost: a\r\r\n',
]) {
  test(`a bare CR or LF in ${JSON.stringify(text)} is refused at once, not waited on`, () => {
    assert.throws(() => readAll([Buffer.from(text)]), { code: 'TUN_ERR_BAD_REQUEST' })
    assert.throws(() => readAll([...text].map((each) => Buffer.from(each))), { code: 'TUN_ERR_BAD_REQUEST' })
  })
}

test('a first line that never ends is a target that is too long, not a head', () => {
  const reader = new HeadReader(1_000)
  const feed = () => {
    for (let i = 0; i < 200; i++) reader.read(Buffer.from('GET /aaaaa'), 0)
  }
  assert.throws(feed, { code: 'TUN_ERR_URI_TOO_LONG' })
  const whole = Buffer.from(`GET /${'a'.repeat(1_000)} HTTP/1.1\r\n\r\n`)
  assert.throws(() => readAll([whole]), { code: 'TUN_ERR_URI_TOO_LONG' })
})

test('a head in pieces keeps its own bytes, not the buffers they came in', () => {
  const reader = new HeadReader(1_000)
  const chunk = Buffer.from('GET / HTTP/1.1\r\nHost: a')
  reader.read(chunk, 0)
  chunk.fill('x')
  assert.equal(reader.read(Buffer.from('\r\n\r\n'), 0), GET)
})
