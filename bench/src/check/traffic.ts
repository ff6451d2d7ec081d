import { download } from '../load/download.js'
import type { Address, Carried } from '../load/job.js'
import { upload } from '../load/upload.js'
import { messages, requests } from './lockstep.js'

const MEBIBYTE = 1 << 20

/** One kind of traffic, over one connection of a visitor. */
export interface Traffic {
  name: string
  /** What figures are per. */
  unit: string
  /** Much of it is under way at once, and what comes together is never quite the same. */
  bulk: boolean
  /** Units in one look at what they cost. */
  batch: number
  /** Units in one look that counts: few enough that the program itself collects no garbage in most of them. */
  countedBatch: number
  /** How often to look. The least counts, and in bulk it takes more looks until one is as good as undisturbed. */
  looks: number
  /** Units until compilers have done what they will do. */
  warmUp: number
  carry(address: Address, units: number): Promise<void>
}

/** What a browser sends for a small thing. */
const BROWSER = [
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
  'Accept-Language: en-US,en;q=0.5',
  'Accept-Encoding: gzip, deflate, br, zstd',
  'Connection: keep-alive',
  'Cookie: session=0123456789abcdef0123456789abcdef; theme=dark',
].join('\r\n')

const POSTED = 'x'.repeat(1_024)

export const get: Traffic = {
  name: 'get',
  unit: 'request',
  bulk: false,
  batch: 500,
  countedBatch: 500,
  looks: 9,
  warmUp: 4_000,
  carry: (address, units) => requests(address, getRequest(address), units),
}

export function getRequest({ host }: Address): Buffer {
  return Buffer.from(`GET /1k HTTP/1.1\r\nHost: ${host}\r\n${BROWSER}\r\n\r\n`)
}

const post: Traffic = {
  ...get,
  name: 'post',
  carry: (address, units) => {
    const head = `POST /upload HTTP/1.1\r\nHost: ${address.host}\r\n${BROWSER}\r\nContent-Length: ${POSTED.length}`
    return requests(address, Buffer.from(`${head}\r\n\r\n${POSTED}`), units)
  },
}

const echo: Traffic = { ...get, name: 'echo', unit: 'message', carry: messages }

const bulk = { unit: 'MiB', bulk: true, batch: 16, countedBatch: 4, looks: 40, warmUp: 128 }

export const traffics: Traffic[] = [
  get,
  post,
  echo,
  {
    ...{ name: 'download', ...bulk },
    carry: async (address, units) =>
      complete(await download({ ...address, streams: 1, bytes: units * MEBIBYTE, bytesPerSecond: 0 })),
  },
  {
    ...{ name: 'upload', ...bulk },
    carry: async (address, units) =>
      complete(await upload({ ...address, streams: 1, bytes: units * MEBIBYTE, chunked: false })),
  },
]

function complete({ errors }: Carried): void {
  if (errors > 0) throw new Error('a transfer came short')
}
