import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Session, type SessionHandler, StreamKind, TunnelError } from 'tunnel-protocol'
import { linkPair, RecordingHandler, SessionPair } from 'tunnel-protocol/testing'
import type { Carrier, Member } from '../registry/tunnel.js'
import { relay } from './relay.js'

const GET = 'GET / HTTP/1.1\r\nHost: demo\r\n'
const POST = 'POST / HTTP/1.1\r\nHost: demo\r\nContent-Length: 5\r\n'
const OK = 'HTTP/1.1 200 OK\r\n'
const AGENT_NUMBER = 7

/** A visitor's worker and an agent's, the way between them, and the agent, all in memory. */
class World {
  readonly agent = new SessionPair({ resumable: true })
  readonly #deferred: Array<() => void> = []
  readonly #links = linkPair()
  readonly visitors = this.#session('server', { onControl() {}, onClose() {} })
  readonly #agents = this.#session('agent', {
    onControl() {},
    onClose() {},
    onOpen: (stream, open) =>
      relay(stream, open, this.#agents, this.#member(), {
        isServedElse: () => this.isServedElse,
        onRelayed: (request) => this.relayed.push(request),
      }),
  })
  isServedElse = false
  readonly relayed: string[] = []

  constructor() {
    this.visitors.attach(this.#links[0])
    this.#agents.attach(this.#links[1])
  }

  #session(role: 'server' | 'agent', handler: SessionHandler): Session {
    const session = new Session({ role, handler, defer: (flush) => this.#deferred.push(flush) })
    session.endWithLink()
    session.setPeerWindow(session.windowBytes)
    return session
  }

  #member(): Member {
    return { holder: { id: 's', session: this.agent.server } as Carrier, number: AGENT_NUMBER } as Member
  }

  /** Let everything arrive. */
  pump(): void {
    for (let quiet = 0; quiet < 2; quiet++) {
      this.agent.pump()
      if (this.#deferred.length > 0) quiet = 0
      for (const flush of this.#deferred.splice(0)) flush()
      for (const link of this.#links) if (link.deliver()) quiet = 0
    }
  }

  /** A visitor's request; `far` is what the agent has of it. */
  ask(head = GET, bodyless = head === GET) {
    const visitor = new RecordingHandler()
    const stream = this.visitors.openStream(StreamKind.Http, 1, head, bodyless, visitor)
    visitor.stream = stream
    this.pump()
    const { stream: far, open, handler } = this.agent.opened.at(-1)!
    return { visitor, stream, far, open, handler }
  }

  /** The worker that has the visitors is gone. */
  loseWay(): void {
    this.#links[0].destroy()
    this.pump()
  }
}

test('a request and its answer are passed on as they are', () => {
  const world = new World()
  const { visitor, stream, far, open, handler } = world.ask(POST, false)
  assert.deepEqual([open.tunnel, open.head, open.bodyless], [AGENT_NUMBER, POST, false])
  assert.deepEqual(world.relayed, [`s-${far.id}`])
  stream.write(Buffer.from('12345'))
  stream.end('X-Sum: 1\r\n')
  world.pump()
  assert.deepEqual([handler.bytes.toString(), handler.trailers], ['12345', 'X-Sum: 1\r\n'])
  far.sendInterim('HTTP/1.1 103 Early Hints\r\n')
  far.sendHead(OK, false)
  far.write(Buffer.from('hello'))
  far.end('X-Sum: 2\r\n')
  world.pump()
  assert.deepEqual(visitor.events, ['interim', 'head', 'data', 'trailers', 'end'])
  assert.deepEqual([visitor.bytes.toString(), visitor.trailers], ['hello', 'X-Sum: 2\r\n'])
  assert.deepEqual(
    [world.visitors.streamCount, world.agent.server.streamCount, world.agent.agent.streamCount],
    [0, 0, 0],
  )
})

test('whatever is sent either way, in whatever pieces and however it is read, arrives whole; what waits has a limit', () => {
  const steps = fc.array(fc.tuple(fc.boolean(), fc.nat(150_000), fc.boolean()), { maxLength: 12 })
  const check = fc.property(steps, (script) => {
    const world = new World()
    const { visitor, stream, far, handler } = world.ask(POST, false)
    far.sendHead(OK, false)
    const sent = { up: 0, down: 0 }
    for (const [up, bytes, slow] of script) {
      visitor.slow = slow
      handler.slow = slow
      if (up) stream.write(Buffer.alloc(bytes, 'u'))
      else far.write(Buffer.alloc(bytes, 'd'))
      sent[up ? 'up' : 'down'] += bytes
      world.pump()
      for (const session of [world.agent.server, world.visitors]) assert.ok(session.heldBytes < 4 * 1024 * 1024)
    }
    stream.end()
    far.end()
    for (const reader of [visitor, handler]) reader.slow = false
    for (let last = -1; last !== visitor.bytes.length + handler.bytes.length; ) {
      last = visitor.bytes.length + handler.bytes.length
      for (const reader of [visitor, handler]) reader.read()
      world.pump()
    }
    assert.deepEqual([handler.bytes.length, visitor.bytes.length], [sent.up, sent.down])
    assert.deepEqual([handler.events.at(-1), visitor.events.at(-1)], ['end', 'end'])
    assert.equal(world.visitors.streamCount, 0)
  })
  fc.assert(check, { numRuns: 60 })
})

test('a reader who stands still holds its sender back, and nobody else', () => {
  const world = new World()
  const { visitor, far } = world.ask()
  visitor.slow = true
  far.sendHead(OK, false)
  for (let i = 0; i < 100; i++) far.write(Buffer.alloc(64 * 1024))
  world.pump()
  assert.ok(far.pendingBytes > 5 * 1024 * 1024, 'the agent keeps what is not read')
  const other = world.ask()
  other.far.sendHead(OK, true)
  world.pump()
  assert.deepEqual(other.visitor.events, ['head', 'end'])
})

test('who gives up is heard on the other side, with the reason', () => {
  const world = new World()
  const left = world.ask()
  left.stream.reset('TUN_ERR_VISITOR_GONE', 'gone')
  world.pump()
  assert.equal(left.handler.error?.code, 'TUN_ERR_VISITOR_GONE')
  const down = world.ask()
  down.far.reset('TUN_ERR_ORIGIN_REFUSED', 'nothing listens on port 1')
  world.pump()
  assert.deepEqual(
    [down.visitor.error?.code, down.visitor.error?.detail],
    ['TUN_ERR_ORIGIN_REFUSED', 'nothing listens on port 1'],
  )
})

test('an answer that is complete is not cut by what is said of the rest of the request', () => {
  const world = new World()
  const { visitor, far } = world.ask(POST, false)
  visitor.slow = true
  far.sendHead(OK, false)
  far.write(Buffer.alloc(200_000))
  far.end()
  far.stopReceiving('TUN_ERR_NO_BODY_NEEDED')
  world.pump()
  visitor.slow = false
  for (let i = 0; i < 10; i++) {
    visitor.read()
    world.pump()
  }
  assert.equal(visitor.bytes.length, 200_000)
  assert.deepEqual(visitor.events, ['head', 'data', 'end', 'reset'])
  assert.equal(visitor.error?.code, 'TUN_ERR_NO_BODY_NEEDED')
})

test("the end of an agent's session reads like one to the other worker, the loss of the way like a visitor who left to the agent", () => {
  const world = new World()
  const { visitor } = world.ask()
  world.agent.server.close(new TunnelError('TUN_ERR_DRAINING', 'as the test wants'))
  world.pump()
  assert.equal(visitor.error?.code, 'TUN_ERR_SESSION_CLOSED')
  const next = new World()
  const { handler } = next.ask()
  next.loseWay()
  assert.equal(handler.error?.code, 'TUN_ERR_VISITOR_GONE')
})

const moves: Array<[what: string, head: string, isServedElse: boolean, answered: boolean, moves: boolean]> = [
  ['a GET without an answer', GET, true, false, true],
  ['a GET that nobody else could have', GET, false, false, false],
  ['a GET with the head of an answer', GET, true, true, false],
  ['a POST', POST, true, false, false],
]
for (const [what, head, isServedElse, answered, isMoved] of moves) {
  test(`${what}, whose agent loses its link, is ${isMoved ? 'given back' : 'kept'}`, () => {
    const world = new World()
    world.isServedElse = isServedElse
    const { visitor, far } = world.ask(head, true)
    if (answered) far.sendHead(OK, false)
    world.pump()
    world.agent.server.dropLink('as the test wants')
    world.pump()
    assert.equal(visitor.error?.code, isMoved ? 'TUN_ERR_SESSION_CLOSED' : undefined)
  })
}
