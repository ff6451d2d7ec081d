import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FrameFlag, FrameType } from 'tunnel-protocol'
import {
  FUZZ_HOST,
  frame,
  fuzzing,
  interims,
  LoneSession,
  mutated,
  NodeClient,
  readable,
  responses,
  u32,
  walkResponses,
} from 'tunnel-protocol/testing'
import { MemoryEdge, type MemoryVisitor, settle } from '../testing/memory-edge.js'

// Everything that an agent sends on a stream is marked with the stream's request, `~<visitor><request>~`, so that it can be recognised.

const END = FrameFlag.End

/** What an agent says on one stream, in an order that the session allows. `@` stands for the mark. */
interface Script {
  interims: Buffer[]
  head: Buffer
  data: string[]
  trailers: string
  finish: 'end with head' | 'end' | 'trailers' | 'reset' | 'nothing'
  /** How many of its frames are sent before a reset takes the place of the rest. */
  breakAt: number
}

/** The head alone, with a mark as its last line. */
const headOf = (response: Buffer) => {
  const at = response.indexOf('\r\n\r\n')
  return readable(
    Buffer.concat([response.subarray(0, at < 0 ? response.length : at + 2), Buffer.from('X-Mark: @\r\n')]),
  )
}
/** Three of them are within the window of a stream, one is more than a slow visitor's socket takes. */
const LARGE = '@'.repeat(5_000)
const SMALL_SOCKET_BYTES = 4 * 1024
const injected = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n@'
const scripts: fc.Arbitrary<Script> = fc.record({
  interims: fc.oneof(
    interims.map((list) => list.map((each) => headOf(Buffer.from(each)))),
    fc.array(mutated(responses).map(headOf), { maxLength: 1 }),
  ),
  head: fc.oneof(
    mutated(responses).map(headOf),
    fc
      .constantFrom('Content-Length: 4', 'Content-Length: 12', 'Transfer-Encoding: chunked', 'X: close')
      .map((line) => readable(Buffer.from(`HTTP/1.1 200 OK\r\n${line}\r\nX-Mark: @\r\n`))),
    fc.constant(readable(Buffer.from('HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: x\r\nX-Mark: @\r\n'))),
  ),
  data: fc.array(fc.constantFrom('@', '@', '@@', LARGE, '', injected, `\r\n\r\n${injected}`, `0\r\n\r\n${injected}`), {
    maxLength: 3,
  }),
  trailers: fc.oneof(
    fc.constantFrom('', 'X: @\r\n', 'X: @\r\nY:\r\n'),
    fc.constantFrom(
      'X: @',
      '\r\n',
      'a b: @\r\n',
      'X: \0\r\n',
      ' @\r\n',
      `\r\n${injected}`,
      `X: y\r\n\r\n${injected}`,
      `X: y\n\n${injected}`,
    ),
  ),
  finish: fc.constantFrom('end with head', 'end', 'end', 'trailers', 'trailers', 'reset', 'nothing'),
  breakAt: fc.oneof({ weight: 5, arbitrary: fc.constant(99) }, { weight: 1, arbitrary: fc.nat(5) }),
})

/** What the agent sends for `script` on stream `id`, one frame each. */
function framesOf(script: Script, id: number, mark: string): Buffer[] {
  const marked = (bytes: Buffer | string) => Buffer.from(bytes.toString('latin1').replaceAll('@', mark), 'latin1')
  const reset = frame(FrameType.Reset, 0, id, Buffer.concat([u32(11), Buffer.from('broke off')]))
  const frames = script.interims.map((head) => frame(FrameType.Interim, 0, id, marked(head)))
  const endWithHead = script.finish === 'end with head'
  frames.push(frame(FrameType.Head, endWithHead ? END : 0, id, marked(script.head)))
  if (!endWithHead) {
    for (const part of script.data) frames.push(frame(FrameType.Data, 0, id, marked(part)))
    if (script.finish === 'end') frames.push(frame(FrameType.Data, END, id))
    if (script.finish === 'trailers') frames.push(frame(FrameType.Trailers, END, id, marked(script.trailers)))
    if (script.finish === 'reset') frames.push(reset)
  }
  return script.breakAt < frames.length ? [...frames.slice(0, script.breakAt), reset] : frames
}

/** Requests of one visitor; `@` stands for the visitor and the number of the request. */
const requestTexts: Array<[string, string, string]> = [
  ['GET', 'HTTP/1.1', '\r\n'],
  ['GET', 'HTTP/1.1', '\r\n'],
  ['HEAD', 'HTTP/1.1', '\r\n'],
  ['POST', 'HTTP/1.1', 'Content-Length: 5\r\n\r\nhello'],
  ['POST', 'HTTP/1.1', 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n'],
  ['POST', 'HTTP/1.1', 'Content-Length: 5\r\n\r\nhe'],
  ['GET', 'HTTP/1.0', 'Connection: keep-alive\r\n\r\n'],
  ['GET', 'HTTP/1.0', '\r\n'],
  ['GET', 'HTTP/1.1', 'Connection: Upgrade\r\nUpgrade: x\r\n\r\n'],
]
const CUT_SHORT = '\r\n\r\nhe'
const asked = fc.array(fc.constantFrom(...requestTexts), { minLength: 1, maxLength: 3 }).map((list) => {
  const last = list.findIndex(([, , rest]) => rest.endsWith(CUT_SHORT))
  return last < 0 ? list : list.slice(0, last + 1)
})

/** Streams that the edge has opened so far, by mark. */
interface Heard {
  id: number
  mark: string
  left: Buffer[]
}

/** All that a visitor got belongs to its requests, one response each and in order. Returns how many final ones are complete. */
async function checkVisitor(visitor: MemoryVisitor, number: number, methods: string[]): Promise<number> {
  const { received } = visitor
  const { messages, fault } = walkResponses([received], methods, {
    last: (head) => ('status' in head && head.status === 101 ? 'message' : undefined),
  })
  assert.equal(fault, undefined)
  let answer = 0
  let from = 0
  let complete = 0
  for (const { head, ...message } of messages) {
    const raw = head.status === 101
    const end = raw ? received.length : message.end
    const bytes = received.subarray(from, end)
    const whole = message.complete || (head.framing === 'close' && visitor.ended)
    const marks = [...bytes.toString('latin1').matchAll(/~(\d\d)~/g)].map(([, mark]) => mark)
    assert.deepEqual(
      [...new Set(marks)].filter((mark) => mark !== `${number}${answer}`),
      [],
      'bytes of another exchange',
    )
    from = end
    if (head.status < 200 && !raw) continue
    assert.ok(answer < methods.length, 'a response to no request')
    if (whole && !raw) {
      complete++
      const client = new NodeClient()
      const { response, error } = await client.ask(methods[answer]!, bytes, head.framing === 'close')
      client.close()
      assert.ok(response?.complete, `${error} in ${JSON.stringify(bytes.toString('latin1'))}`)
      assert.equal(response.start[0], String(head.status))
    }
    answer++
  }
  return complete
}

test('whatever an agent sends on its streams, each visitor gets one well-formed response to each request, or a broken connection', async () => {
  const seen = { whole: 0, failed: 0, broken: 0, raw: 0 }
  const check = fc.asyncProperty(
    fc.array(asked, { minLength: 1, maxLength: 2 }),
    fc.array(scripts, { minLength: 1, maxLength: 6 }),
    fc.infiniteStream(fc.nat(3)),
    fc.boolean(),
    async (visits, said, choices, slow) => {
      const lone = new LoneSession('server')
      const edge = new MemoryEdge(lone.session)
      const heard: Heard[] = []
      const pump = () => {
        const frames = lone.sent()
        for (const { type, streamId, payload } of frames) {
          if (type !== FrameType.Open) continue
          const mark = /^\w+ \/(\d\d) /.exec(payload.toString('latin1', 5))![1]!
          heard.push({ id: streamId, mark, left: framesOf(said[heard.length % said.length]!, streamId, `~${mark}~`) })
        }
        return frames.length > 0
      }
      const visitors = visits.map((requests, number) => {
        const visitor = edge.connect(SMALL_SOCKET_BYTES)
        if (slow) visitor.socket.pause()
        for (const [i, [method, version, rest]] of requests.entries()) {
          visitor.socket.write(`${method} /${number}${i} ${version}\r\nHost: ${FUZZ_HOST}\r\n${rest}`)
        }
        return visitor
      })
      await settle(pump)
      for (const choice of choices) {
        const open = heard.filter(({ left }) => left.length > 0)
        if (open.length === 0) break
        lone.feed(open[choice % open.length]!.left.shift()!)
        if (choice > 0) await settle(pump)
        else await settle(() => false) // the next frame comes in the same chunk, as good as
      }
      await settle(pump)
      for (const { socket, far } of visitors) {
        // What an agent may have pile up here is what it has credit for, and some heads.
        assert.ok(far.writableLength < 512 * 1024, `${far.writableLength} bytes are held`)
        socket.resume()
      }
      // Those who were slow get the rest of their answers now, and their next requests are looked at.
      for (let open = heard; open.length > 0; ) {
        await settle(pump)
        open = heard.filter(({ left }) => left.length > 0)
        for (const { left } of open) lone.feed(left.shift()!)
      }
      await settle(pump)

      assert.deepEqual(lone.closed, [])
      for (const [number, visitor] of visitors.entries()) {
        const methods = visits[number]!.map(([method]) => method)
        const complete = await checkVisitor(visitor, number, methods)
        const text = visitor.received.toString('latin1')
        seen.whole += complete
        if (text.includes('X-Tunnel-Error: ')) seen.failed++
        if (visitor.wasReset) seen.broken++
        const raw = text.includes('HTTP/1.1 101 ')
        if (raw) seen.raw++
        const waits = heard.some(({ mark }) => mark.startsWith(String(number)) && lone.session.streamCount > 0)
        const cutShort = visits[number]!.some(([, , rest]) => rest.endsWith(CUT_SHORT))
        if (!visitor.over && !waits && !raw && !cutShort) assert.equal(complete, methods.length)
      }

      for (const { socket } of visitors) socket.resetAndDestroy()
      await settle(pump)
      assert.deepEqual([edge.connections.size, lone.session.streamCount, lone.closed], [0, 0, []])
    },
  )
  await fc.assert(check, fuzzing(1_000))
  for (const [what, count] of Object.entries(seen)) assert.ok(count > 0, `no case of: ${what}`)
})

test('interim responses that a visitor does not read do not pile up, and the exchange ends instead', async () => {
  const lone = new LoneSession('server')
  const edge = new MemoryEdge(lone.session)
  const visitor = edge.connect()
  visitor.socket.pause()
  visitor.socket.write(`GET / HTTP/1.1\r\nHost: ${FUZZ_HOST}\r\n\r\n`)
  await settle(() => lone.sent().length > 0)
  const interim = frame(FrameType.Interim, 0, 1, `HTTP/1.1 103 Early Hints\r\nLink: <${'a'.repeat(1_000)}>\r\n`)
  for (let i = 0; i < 2_000; i++) {
    lone.feed(interim)
    if (i % 100 === 0) await settle(() => lone.sent().length > 0)
  }
  assert.ok(visitor.far.writableLength < 512 * 1024, `${visitor.far.writableLength} bytes are held`)
  assert.deepEqual([lone.session.streamCount, lone.closed], [0, []])
  visitor.socket.resume()
  await settle(() => lone.sent().length > 0)
  assert.equal(walkResponses([visitor.received], ['GET']).messages.at(-1)!.head.status, 502)
})
