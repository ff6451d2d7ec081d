import assert from 'node:assert/strict'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import http from 'node:http'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { WebSocket, WebSocketServer } from 'ws'
import { eventually, type Running } from './support/process.js'
import { type Visit, visit } from './support/visitor.js'
import { within } from './support/within.js'
import { World } from './support/world.js'

const script = fileURLToPath(new URL('./support/restarted-app.js', import.meta.url))
const posix = process.platform === 'win32' ? 'sockets are no files on Windows' : false

const RESTARTS = 5
const VISITORS = 8
const POSTS = 5
/** Longer than any test takes: who waits for the app is answered by it. */
const PATIENCE = ['--wait-for-origin', '10m']

/** An app in a process of its own, at one place for all its runs. */
class App {
  /** Where it listens: a port, or a path. */
  where: string
  readonly runs: Running[] = []
  readonly #world: World

  constructor(world: World, where: string) {
    this.#world = world
    this.where = where
  }

  async start(): Promise<void> {
    const run = this.#world.run(script, [this.where])
    this.runs.push(run)
    const [, where] = await run.waitFor(/listening on (.+)\n/, 'stdout')
    this.where = where!
  }

  async kill(): Promise<void> {
    const run = this.runs.at(-1)!
    run.kill('SIGKILL')
    await run.exited
  }

  /** The paths of all POSTs that it has had. */
  get posts(): string[] {
    return this.runs.flatMap(({ stdout }) => [...stdout.matchAll(/POST (.+)\n/g)].map(([, path]) => path!))
  }
}

const downs = (agent: Running) => agent.stderr.split('requests wait for the app').length - 1

/** Visitors who ask on and on: what each has been answered, and what went wrong. */
class Load implements Disposable {
  readonly failures: string[] = []
  readonly #answers: number[] = []
  readonly #asking: Array<Promise<void>> = []
  #over = false

  constructor(world: World) {
    for (let i = 0; i < VISITORS; i++) {
      this.#add(world, { agent: new http.Agent({ keepAlive: true, maxSockets: 1 }) })
      this.#add(world, {})
    }
  }

  /** Each visitor has asked and been answered since. */
  async progress(): Promise<void> {
    const before = [...this.#answers]
    // One answer may be that to a request from before.
    await eventually('everybody is answered', () => this.#answers.every((count, i) => count >= before[i]! + 2))
  }

  async end(): Promise<void> {
    this.#over = true
    await Promise.all(this.#asking)
  }

  /** Also when a test fails: those who still wait end with the world. */
  [Symbol.dispose](): void {
    this.#over = true
  }

  #add(world: World, how: Visit): void {
    const number = this.#answers.push(0) - 1
    this.#asking.push(this.#ask(world, how, number).finally(() => how.agent?.destroy()))
  }

  async #ask(world: World, how: Visit, number: number): Promise<void> {
    while (!this.#over) {
      const outcome = await visit(world, 'demo', '/', how).then(
        ({ status, text }) => `${status} ${text}`,
        (error) => String(error),
      )
      if (outcome !== '200 hello') this.failures.push(outcome)
      this.#answers[number]!++
    }
  }
}

/** Kill the app and start it again and again while it is asked. `absent`: it leaves nothing behind. */
async function restartUnderLoad(world: World, app: App, agent: Running, absent: () => Promise<void>): Promise<void> {
  using load = new Load(world)
  const sent: string[] = []
  for (let i = 1; i <= RESTARTS; i++) {
    await load.progress()
    const before = downs(agent)
    await app.kill()
    await absent()
    await eventually('the agent notices', () => downs(agent) > before)
    const posts = Array.from({ length: POSTS }, (_, j) => `/${i}.${j}`)
    const answers = posts.map((path) => visit(world, 'demo', path, { method: 'POST', body: 'x'.repeat(10_000) }))
    sent.push(...posts)
    await app.start()
    for (const { status } of await Promise.all(answers)) assert.equal(status, 200)
  }
  await load.progress()
  await load.end()
  assert.equal(downs(agent), RESTARTS, 'an outage is told of once')
  assert.deepEqual(load.failures, [])
  assert.deepEqual(app.posts.sort(), sent.sort(), 'each POST is done once')
  assert.ok(agent.running)
}

test('an app that is killed and started again under load is a pause: no GET fails, and POSTs that come meanwhile are done once', async () => {
  await using world = await World.start()
  const app = new App(world, '0')
  await app.start()
  const agent = await world.agent('demo', Number(app.where), { args: PATIENCE })
  await restartUnderLoad(world, app, agent, async () => {})
})

test('the same on a Unix socket, whether it stays behind or not', { skip: posix }, async () => {
  await using world = await World.start()
  const app = new App(world, world.path('app.sock'))
  await app.start()
  const agent = world.tunnel(['--unix', app.where, '-s', 'demo', ...PATIENCE])
  await agent.waitFor(/\n/, 'stdout')
  let times = 0
  await restartUnderLoad(world, app, agent, async () => {
    if (times++ % 2 === 0) await rm(app.where)
  })
})

test('an app that stays away is a 502 with Retry-After after the wait, and the tunnel works again when it is up', async () => {
  await using world = await World.start()
  const app = new App(world, '0')
  await app.start()
  const agent = await world.agent('demo', Number(app.where), { args: ['--wait-for-origin', '300ms'] })
  await app.kill()
  const answers = await Promise.all(Array.from({ length: 20 }, () => visit(world, 'demo', '/')))
  for (const { status, headers } of answers) {
    assert.deepEqual([status, headers['x-tunnel-error'], headers['retry-after']], [502, 'TUN_ERR_ORIGIN_REFUSED', '1'])
  }
  await agent.waitFor(/"waitMs":300.*nothing is listening on localhost:\d+; the tunnel stays open, and requests wait/)
  await app.start()
  assert.equal((await visit(world, 'demo', '/')).text, 'hello')
  await agent.waitFor(/answers again/)
  assert.equal(downs(agent), 1, 'an outage is told of once')
})

test('a WebSocket waits for the app as well', async () => {
  await using world = await World.start()
  const app = new App(world, '0')
  await app.start()
  const port = Number(app.where)
  const agent = await world.agent('demo', port, { args: PATIENCE })
  await app.kill()
  const socket = new WebSocket(`ws://127.0.0.1:${world.port}/`, { headers: { host: 'demo.localhost' } })
  const opened = once(socket, 'open')
  await agent.waitFor(/requests wait for the app/)
  const server = http.createServer()
  const sockets = new WebSocketServer({ server })
  await world.listen(server, '127.0.0.1', port)
  await within('the WebSocket opens', opened)
  assert.equal(sockets.clients.size, 1)
  socket.terminate()
})

test('Ctrl-C ends an agent that waits for its app', async () => {
  await using world = await World.start()
  const agent = await world.agent('demo', 1, { args: PATIENCE })
  const waiting = visit(world, 'demo', '/').catch(() => undefined)
  await agent.waitFor(/requests wait for the app/)
  agent.kill('SIGINT')
  assert.equal(await agent.exitCode(), 0)
  await within('its visitor learns', waiting)
})
