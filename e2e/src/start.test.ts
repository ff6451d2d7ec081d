import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import http from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { eventually, type Running } from './support/process.js'
import { root, World } from './support/world.js'

const script = join(root, 'scripts/start.mjs')
const freePorts = { TUNNEL_START_SERVER_PORT: '0', TUNNEL_START_DEMO_PORT: '0' }
const skip = process.platform === 'linux' ? false : 'needs /proc'

/** Processes that `pid` has started and that are still there, as pids. */
function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((child) => parentOf(child) === pid)
}

function parentOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return state === 'Z' ? undefined : Number(parent)
  } catch {
    return undefined // it has ended meanwhile
  }
}

async function bodyOf(url: string): Promise<string> {
  const { port, host, pathname } = new URL(url)
  const request = http.get({ host: '127.0.0.1', port, path: pathname, headers: { host }, agent: false })
  return new Promise((resolve, reject) => {
    request.once('error', reject).once('response', async (response) => {
      let body = ''
      for await (const part of response.setEncoding('utf8')) body += part
      resolve(body)
    })
  })
}

async function publicUrl(start: Running): Promise<string> {
  return (await start.waitFor(/^ {2}(http:\/\/[a-z0-9-]+\.localhost:\d+)$/m, 'stdout'))[1]!
}

test('npm start prints a URL at which the demo app answers, and Ctrl-C leaves nothing running', { skip }, async () => {
  await using world = await World.start()
  const start = world.run(script, [], freePorts)
  const url = await publicUrl(start)
  assert.match(url, /^http:\/\/demo\.localhost:/)
  assert.match(await bodyOf(url), /<h1>The tunnel works<\/h1>/)

  const started = childrenOf(start.pid)
  assert.equal(started.length, 3, `server, demo app and tunnel should run, not ${started.length} processes`)
  start.kill('SIGINT')
  assert.equal(await start.exitCode(), 0, start.output)
  for (const pid of started) assert.equal(parentOf(pid), undefined, `process ${pid} is left\n${start.output}`)
})

test('npm start with -p and -s shares an app that already runs, without the demo app', { skip }, async () => {
  await using world = await World.start()
  const port = await world.app((_request, response) => response.end('my own app'))
  const start = world.run(script, ['-p', String(port), '-s', 'myname'], freePorts)
  const url = await publicUrl(start)
  assert.match(url, /^http:\/\/myname\.localhost:/)
  assert.equal(await bodyOf(url), 'my own app')
  assert.equal(childrenOf(start.pid).length, 2)
  start.kill('SIGINT')
  assert.equal(await start.exitCode(), 0, start.output)
})

test('what npm start has started ends by itself when npm start is killed', { skip }, async () => {
  await using world = await World.start()
  const start = world.run(script, [], freePorts)
  await publicUrl(start)
  const started = childrenOf(start.pid)
  assert.equal(started.length, 3)
  start.kill('SIGKILL')
  await start.exited
  for (const pid of started) await eventually(`process ${pid} ends`, () => parentOf(pid) === undefined)
})
