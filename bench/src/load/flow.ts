import { get } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Received } from '../origin/app.js'
import type { Place } from '../path/path.js'
import type { Address, Carried, Flow } from './job.js'
import { ResponseCounter } from './response.js'
import { visit } from './visitor.js'

const ENDLESS_BYTES = 1e14
const PART_BYTES = 64 * 1_024

/** One stream that does not end, measured once it has had `rampSeconds` to find its speed. */
export function flow(job: Address & Flow): Promise<Carried> {
  return job.direction === 'down' ? down(job) : up(job)
}

async function down(job: Address & Flow): Promise<Carried> {
  let bytes = 0
  let errors = 0
  const counter = new ResponseCounter(
    (status) => {
      if (status !== 200) errors++
    },
    () => {},
  )
  const socket = visit(
    job,
    (part) => {
      try {
        bytes += counter.feed(part)
      } catch {
        socket.destroy()
      }
      return true
    },
    () => errors++,
  )
  socket.write(`GET /download/${ENDLESS_BYTES} HTTP/1.1\r\nHost: ${job.host}\r\n\r\n`)
  await sleep(job.rampSeconds * 1_000)
  const [before, startedAt] = [bytes, performance.now()]
  await sleep(job.seconds * 1_000)
  return { bytes: bytes - before, seconds: (performance.now() - startedAt) / 1_000, errors }
}

/** Counted by the app: what a sender got rid of may be in anybody's buffers. */
async function up(job: Address & Flow): Promise<Carried> {
  const body = Buffer.alloc(PART_BYTES, 'x')
  let errors = 0
  const socket = visit(
    job,
    () => true,
    () => errors++,
  )
  const send = () => {
    while (socket.write(body));
  }
  socket.on('drain', send)
  socket.write(`POST /upload HTTP/1.1\r\nHost: ${job.host}\r\nContent-Length: ${ENDLESS_BYTES}\r\n\r\n`)
  send()
  await sleep(job.rampSeconds * 1_000)
  const before = await received(job.app)
  await sleep(job.seconds * 1_000)
  const after = await received(job.app)
  return { bytes: after.bytes - before.bytes, seconds: (after.ms - before.ms) / 1_000, errors }
}

function received({ host, port }: Place): Promise<Received> {
  return new Promise((resolve, reject) => {
    const asked = get({ host, port, path: '/received', agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part
      })
      response.on('end', () => {
        if (response.statusCode === 200) resolve(JSON.parse(text) as Received)
        else reject(new Error(`asked what has arrived, got ${response.statusCode}`))
      })
      response.on('error', reject)
    })
    asked.on('error', reject)
  })
}
