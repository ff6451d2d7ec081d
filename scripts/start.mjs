// npm start: server, demo app and tunnel on this machine, to try everything without setting anything up.
import './node-version.mjs'
import { connect, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Child } from './child.mjs'
import { ensureInstalled } from './install.mjs'
import { exitCodeOf, mustRunQuietly, npm } from './project.mjs'

const START_DEADLINE_MS = 20_000
const STOP_PATIENCE_MS = 3_000
/** A terminal signals us and npm, and npm passes it on: what comes so soon after is the same Ctrl-C. */
const SAME_SIGNAL_MS = 1_000
const USAGE = `npm start                              share the demo app
npm start -- -p 3000 -s myname         share what listens on port 3000, as myname
npm start -- <other flags of tunnel>   passed on: npm start -- --print-requests

TUNNEL_START_SERVER_PORT   the server's port (8000); 0: any free port
TUNNEL_START_DEMO_PORT     the demo app's port (8080); 0: any free port`

const flags = parseFlags(process.argv.slice(2))
const children = []
let stopping = false

const serverPort = await choosePort('TUNNEL_START_SERVER_PORT', 8_000)
const demoPort = flags.port === undefined ? await choosePort('TUNNEL_START_DEMO_PORT', 8_080) : undefined
await ensureInstalled()
console.log('Building…')
await mustRunQuietly(npm('run', '--silent', 'build'))
onSignals()
await main()

async function main() {
  const server = startChild('the server', 'packages/tunnel-server/bin/tunnel-server.js', [
    ...['--port', String(serverPort), '--domain', 'localhost'],
    ...['--log-level', 'warn', '--drain', '1s'],
  ])
  if (demoPort !== undefined) {
    const ready = firstLine()
    startChild('the demo app', 'demo/dist/main.js', [String(demoPort)], ready.onLine)
    await within(ready.line, 'the demo app did not start')
  }
  await within(healthy(`http://localhost:${serverPort}/api/health`), 'the server did not become ready')

  const target = flags.port ?? String(demoPort)
  const name = flags.name ?? (demoPort === undefined ? undefined : 'demo')
  const ready = firstLine((line, stream) => process[stream].write(`${line}\n`))
  startChild(
    'tunnel',
    'packages/tunnel-client/bin/tunnel.js',
    [
      ...['-p', target, ...(name === undefined ? [] : ['-s', name])],
      ...['--server', `http://localhost:${serverPort}`],
      ...flags.others,
    ],
    ready.onLine,
  )
  const url = await within(ready.line, 'tunnel did not get a public URL')
  if (stopping) return
  console.log(`
  ${url}

  forwards to http://localhost:${target}${demoPort === undefined ? await absence(target) : ' (the demo app)'}
  Ctrl-C stops everything
`)
  await server.exited()
}

function startChild(name, script, args, onLine) {
  if (stopping) return new Promise(() => {})
  const child = new Child(name, script, args, onLine)
  children.push(child)
  child.exited().then(() => fail(`${name} ended unexpectedly (${child.ending}).`, child))
  return child
}

/** The last one started is stopped first: tunnel, the demo app, the server. */
async function stopAll() {
  stopping = true
  for (const child of children.slice().reverse()) await child.stop(STOP_PATIENCE_MS)
}

async function fail(sentence, child) {
  if (stopping) return
  await stopAll()
  console.error(`\n${sentence}`)
  for (const line of child === undefined ? [] : child.lastLines) console.error(`  ${line}`)
  process.exit(1)
}

function onSignals() {
  let first
  const onSignal = async (signal) => {
    if (first === undefined) {
      first = performance.now()
      if (!stopping) console.log('\nStopping…')
      await stopAll()
      process.exit(0)
    }
    if (performance.now() - first < SAME_SIGNAL_MS) return
    for (const child of children) child.kill()
    process.exit(exitCodeOf(signal))
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, onSignal)
}

/** The first line on stdout, as a promise; what comes after it, and all of stderr, goes to `rest`. */
function firstLine(rest = () => {}) {
  let resolve
  const line = new Promise((settle) => {
    resolve = settle
  })
  const onLine = (text, stream) => {
    if (stream === 'stdout' && resolve !== undefined) {
      resolve(text)
      resolve = undefined
    } else rest(text, stream)
  }
  return { line, onLine }
}

async function within(promise, complaint) {
  const late = Symbol('late')
  const result = await Promise.race([promise, sleep(START_DEADLINE_MS, late, { ref: false })])
  if (result !== late) return result
  await fail(`${complaint} within ${START_DEADLINE_MS / 1_000} seconds.`, children.at(-1))
  return new Promise(() => {}) // another failure is being reported; it ends the process
}

async function healthy(url) {
  while (!stopping) {
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(2_000) })
      await response.arrayBuffer()
      if (response.status === 200) return
    } catch {} // not listening yet
    await sleep(50)
  }
}

/** A number from the environment, or the usual port; 0 becomes a free one. A taken one ends this process. */
async function choosePort(variable, usual) {
  const value = process.env[variable] || String(usual)
  const port = Number(value)
  if (!/^\d{1,5}$/.test(value) || port > 65_535)
    leave(`${variable} must be a number from 0 to 65535, not "${value}".`, 64)
  if (port === 0) return freePort()
  if (!(await isTaken(port))) return port
  const server = variable === 'TUNNEL_START_SERVER_PORT'
  const remedy = server
    ? `end the program that listens there, or choose another port: ${variable}=${port + 1} npm start`
    : `to share what listens there: npm start -- -p ${port}; to run the demo app elsewhere: ${variable}=0 npm start`
  return leave(`Port ${port}, which ${server ? 'the server' : 'the demo app'} needs, is taken: ${remedy}`, 1)
}

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address()
      probe.close(() => resolve(port))
    })
  })
}

/** On either loopback address: some systems let two programs share a port when one names its address. */
async function isTaken(port) {
  for (const host of ['127.0.0.1', '::1', undefined]) {
    const error = await new Promise((resolve) => {
      const probe = createServer().once('error', resolve)
      probe.listen(port, host, () => probe.close(() => resolve(undefined)))
    })
    if (error === undefined || error.code === 'EADDRNOTAVAIL' || error.code === 'EAFNOSUPPORT') continue
    if (error.code === 'EADDRINUSE') return true
    return leave(`Port ${port} cannot be used: ${error.message}`, 1)
  }
  return false
}

async function absence(target) {
  if (!/^\d+$/.test(target)) return ''
  const answers = await new Promise((resolve) => {
    const socket = connect({ port: Number(target), host: 'localhost', timeout: 500 })
    const done = (answer) => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => done(true))
    socket.once('timeout', () => done(false))
    socket.once('error', () => done(false))
  })
  return answers ? '' : ', where nothing listens yet'
}

function parseFlags(args) {
  const flags = { port: undefined, name: undefined, others: [] }
  while (args.length > 0) {
    const arg = args.shift()
    const [, name, value] = /^(--?[a-z-]+?)(?:=(.*))?$/s.exec(arg.replace(/^-([ps])(?=[^=])/, '-$1=')) || []
    const taken = () =>
      value !== undefined ? value : args.length > 0 ? args.shift() : leave(`${arg} needs a value.`, 64)
    if (name === '-p' || name === '--port') flags.port = taken()
    else if (name === '-s' || name === '--subdomain') flags.name = taken()
    else if (name === '-h' || name === '--help') leave(USAGE, 0)
    else if (name === '--server') leave('npm start brings its own server; for another one run tunnel itself.', 64)
    else flags.others.push(arg)
  }
  return flags
}

function leave(sentence, code) {
  if (code === 0) console.log(sentence)
  else console.error(sentence)
  process.exit(code)
}
