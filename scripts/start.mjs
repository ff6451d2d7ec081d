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

leaveWithNpm()
const serverPort = await choosePort('TUNNEL_START_SERVER_PORT', 8_000)
const demoPort = flags.ownApp ? undefined : await choosePort('TUNNEL_START_DEMO_PORT', 8_080)
await ensureInstalled()
console.log('Building…')
await mustRunQuietly(npm('run', '--silent', 'build'))
onSignals()
await main()

async function main() {
  const server = startChild('the server', 'packages/tunnel-server/bin/tunnel-server.js', [
    ...['--port', String(serverPort), '--domain', 'localhost', '--open', '--drain', '1s'],
    ...['--log-level', 'warn', '--log-format', 'pretty'],
  ])
  if (demoPort !== undefined) {
    const ready = firstLine()
    startChild('the demo app', 'demo/dist/main.js', [String(demoPort)], ready.onLine)
    await within(ready.line, 'the demo app did not start')
  }
  await within(healthy(`http://localhost:${serverPort}/api/health`), 'the server did not become ready')

  const ready = firstLine()
  const tunnel = startChild(
    'tunnel',
    'packages/tunnel-client/bin/tunnel.js',
    [
      ...flags.target,
      ...(demoPort === undefined ? [] : ['-p', String(demoPort)]),
      ...(demoPort === undefined || flags.named ? [] : ['-s', 'demo']),
      ...['--server', `http://localhost:${serverPort}`, '--json'],
      ...(flags.others.some((flag) => flag.startsWith('--log-format')) ? [] : ['--log-format', 'pretty']),
      ...(process.stderr.isTTY ? ['--print-requests'] : []), // as tunnel itself does on a terminal
      ...flags.others,
    ],
    ready.onLine,
  )
  const { url, target } = JSON.parse(await within(ready.line, 'tunnel did not get a public URL'))
  console.log(`
  ${url}

  forwards to ${target}${demoPort === undefined ? await absence(target) : ' (the demo app)'}
  Ctrl-C stops everything
`)
  // From here on its log is for the person in front of the screen, but for the line that says the above once more.
  tunnel.onLine = (line) => {
    if (!stopping && !line.includes('online, forwarding to')) process.stderr.write(`${line}\n`)
  }
  await server.exited()
}

function startChild(name, script, args, onLine) {
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

/** npm passes signals on, but a killed npm cannot: then we are alone, and nobody could stop us with Ctrl-C any more. */
function leaveWithNpm() {
  if (process.env.npm_lifecycle_event !== 'start') return
  const parent = process.ppid
  const watch = setInterval(async () => {
    if (process.ppid === parent) return
    clearInterval(watch)
    await stopAll()
    process.exit(1)
  }, 500)
  watch.unref()
}

/** The first line on stdout, as a promise. */
function firstLine() {
  let resolve
  const line = new Promise((settle) => {
    resolve = settle
  })
  return { line, onLine: (text, stream) => stream === 'stdout' && resolve(text) }
}

async function within(promise, complaint) {
  const late = Symbol('late')
  const result = await Promise.race([promise, sleep(START_DEADLINE_MS, late, { ref: false })])
  if (result === late) await fail(`${complaint} within ${START_DEADLINE_MS / 1_000} seconds.`, children.at(-1))
  // While stopping there is nothing to go on with; the process ends as soon as the programs have.
  return stopping ? new Promise(() => {}) : result
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
  const { hostname, port, protocol } = new URL(target)
  const answers = await new Promise((resolve) => {
    const socket = connect({ port: Number(port) || (protocol === 'https:' ? 443 : 80), host: hostname, timeout: 1_000 })
    const done = (answer) => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => done(true))
    socket.once('timeout', () => done(false))
    socket.once('error', () => done(false))
  })
  return answers ? '' : ', where nothing answers yet'
}

/** What we must know of the flags: whether the person shares an app of their own, and under which name. */
function parseFlags(args) {
  const flags = { target: [], named: false, others: [] }
  if (args[0] === '--') args.shift()
  // An app can be named without a flag as well, such as `3000` or `http 192.168.1.20:3000`.
  while (args.length > 0 && !args[0].startsWith('-')) flags.target.push(args.shift())
  flags.ownApp = flags.target.length > 0
  for (const arg of args) {
    if (arg === '-h' || arg === '--help') leave(USAGE, 0)
    if (/^--server(=|$)/.test(arg)) leave('npm start brings its own server; for another one run tunnel itself.', 64)
    if (/^(-[pl]|--(port|local-host|local-https)(=|$))/.test(arg)) flags.ownApp = true
    if (/^(-s|--subdomain(=|$))/.test(arg)) flags.named = true
    if (arg !== '--json') flags.others.push(arg)
  }
  return flags
}

function leave(sentence, code) {
  if (code === 0) console.log(sentence)
  else console.error(sentence)
  process.exit(code)
}
