import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { startApp } from '../origin/start.js'
import { freePort, untilListening } from '../process/ports.js'
import { Stage } from '../process/stage.js'
import {
  furnishOwnNetwork,
  inOwnNetwork,
  lineKinds,
  missingNetwork,
  networkPath,
  roundTripMs,
  runInOwnNetwork,
} from './network.js'
import { packetLine } from './packet-line.js'
import { BYTES_PER_SECOND, type Path, type Slowness } from './path.js'

const BYTES = 100_000_000
const DATAGRAMS = 20_000
/** What the kernel has counted in a network. */
const COUNTERS = '/proc/net/snmp'

const ECHO = `
const [, port, host] = process.argv
require('node:net').createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket)).listen(port, host)
`

const SENDER = `
const [, host, count] = process.argv
const socket = require('node:dgram').createSocket('udp4')
const bytes = Buffer.alloc(100)
let left = Number(count)
const send = () => left-- > 0 ? socket.send(bytes, 9, host, send) : socket.close()
send()
`

const missing = await missingNetwork()
if (missing !== undefined && process.env.CI && process.getuid?.() === 0) throw new Error(missing)
if (missing !== undefined) test('paths through networks of their own', { skip: missing }, () => {})
// The near side of a path is the network that the tests are in.
else if (!inOwnNetwork()) process.exit(await runInOwnNetwork())
else await testAll()

async function testAll(): Promise<void> {
  await furnishOwnNetwork()
  for (const kind of lineKinds) {
    if ((await kind.missing()) !== undefined) continue
    /** Resolves to what the path says of itself. */
    const over = async (slowness: Slowness, use: (path: Path, stage: Stage) => Promise<void>): Promise<string> => {
      using stage = new Stage()
      const path = await networkPath(stage, slowness, kind)
      const failed = await use(path, stage).catch((error: unknown) => ({ error }))
      const like = await path.close()
      if (failed !== undefined) throw failed.error
      return like
    }

    test(`${kind.name}: a round trip takes as long as it should`, async () => {
      const like = await over({ roundTripMs: 200, loss: 0 }, async () => {
        const ms = await roundTripMs()
        assert.ok(ms >= 200 && ms < 350, `${ms} ms`)
      })
      assert.match(like, /, 2\d\d\.\d ms there and back;/)
    })

    for (const loss of [0, 0.05]) {
      test(`${kind.name}: each way loses ${loss * 100} % of the packets`, async () => {
        const like = await over({ roundTripMs: 10, loss }, async (path, stage) => {
          for (const arrived of [await sendThere(path, stage), await sendBack(path)]) {
            // Five standard deviations of it with loss.
            assert.ok(Math.abs(arrived / DATAGRAMS - (1 - loss)) < 0.008, `${arrived} of ${DATAGRAMS} arrived`)
          }
        })
        if (kind === packetLine)
          assert.match(like, loss > 0 ? / [45]\.\d\d % lost.* [45]\.\d\d % lost/ : / 0\.00 % lost/)
      })
    }

    test(`${kind.name}: what comes out is what went in, however much was lost on the way`, async () => {
      await over({ roundTripMs: 2, loss: 0.01 }, async (path) => {
        const port = await freePort()
        const echo = path.startFar('echo', [process.execPath, '-e', ECHO, String(port), path.farHost])
        await untilListening(echo, port, path.farHost)
        const sent = randomBytes(8_000_000)
        const socket = connect({ ...(await path.toFar(port)), allowHalfOpen: true })
        socket.end(sent)
        const received = await buffer(socket)
        assert.ok(received.equals(sent), `${received.length} bytes came back`)
        const counters = readFileSync(COUNTERS, 'utf8')
        assert.equal(counter(counters, 'Ip', 'InHdrErrors'), 0)
        assert.equal(counter(counters, 'Tcp', 'InErrs'), 0)
      })
    })

    test(`${kind.name}: one stream gets the speed of the line and no more`, async () => {
      await over({ roundTripMs: 10, loss: 0 }, async (path) => {
        const { port } = await startApp(path)
        const seconds: number[] = []
        for (let attempt = 0; attempt < 3; attempt++) seconds.push(await download(path, port))
        const least = BYTES / BYTES_PER_SECOND
        assert.ok(Math.min(...seconds) >= least, `${seconds} s`)
        // Others may keep this machine busy.
        assert.ok(Math.min(...seconds) < 5 * least, `${seconds} s`)
      })
    })
  }
}

/** Datagrams to a port where nobody listens: the kernel counts those that arrive, and no reader can be late. */
async function sendThere(path: Path, stage: Stage): Promise<number> {
  const before = await strayFar(path)
  await stage.start('sender', process.execPath, ['-e', SENDER, path.farHost, String(DATAGRAMS)]).ended
  // Nothing overtakes on a line: what is answered now was behind all of them.
  await roundTripMs()
  return (await strayFar(path)) - before
}

async function sendBack(path: Path): Promise<number> {
  const before = strayNear()
  await path.startFar('sender', [process.execPath, '-e', SENDER, path.nearHost, String(DATAGRAMS)]).ended
  await roundTripMs()
  return strayNear() - before
}

async function strayFar(path: Path): Promise<number> {
  const reader = path.startFar('reader', ['cat', COUNTERS])
  await reader.ended
  return counter(reader.stdout, 'Udp', 'NoPorts')
}

function strayNear(): number {
  return counter(readFileSync(COUNTERS, 'utf8'), 'Udp', 'NoPorts')
}

/** `Udp: InDatagrams NoPorts …`, and in the next line their numbers. */
function counter(counters: string, protocol: string, name: string): number {
  const [names, numbers] = [...counters.matchAll(new RegExp(`^${protocol}: (.*)$`, 'gm'))].map(([, row]) =>
    row!.split(' '),
  )
  return Number(numbers![names!.indexOf(name)])
}

/** In seconds. */
async function download(path: Path, port: number): Promise<number> {
  const startedAt = performance.now()
  const response = await fetch(`http://${path.farHost}:${port}/download/${BYTES}`)
  let bytes = 0
  for await (const part of response.body!) bytes += part.length
  assert.equal(bytes, BYTES)
  return (performance.now() - startedAt) / 1_000
}
