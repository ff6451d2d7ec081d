import { createHash } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

export const MAX_DOWNLOAD_BYTES = 4 * 1024 ** 3
const DEFAULT_DOWNLOAD_BYTES = 1024 * 1024
const BLOCK_BYTES = 64 * 1024

/** Bytes without a short period, so that a piece lost, doubled or moved inside a block shows. The same on every run. */
const pattern = Buffer.concat(
  Array.from({ length: BLOCK_BYTES / 32 }, (_, i) => createHash('sha256').update(`tunnel demo ${i}`).digest()),
)

/**
 * The bytes of a download, in blocks of 64 KiB: each begins with its number (8 bytes, big endian), so that whole blocks
 * cannot be mixed up unnoticed either. A shorter download is a prefix of a longer one.
 */
export function* downloadBlocks(bytes: number): Generator<Buffer> {
  for (let offset = 0; offset < bytes; offset += BLOCK_BYTES) {
    const block = Buffer.from(pattern)
    block.writeBigUInt64BE(BigInt(offset / BLOCK_BYTES))
    yield bytes - offset < BLOCK_BYTES ? block.subarray(0, bytes - offset) : block
  }
}

/** The number of bytes asked for; undefined when it is not a number we serve. */
export function parseDownloadBytes(value: string | null): number | undefined {
  if (value === null) return DEFAULT_DOWNLOAD_BYTES
  if (!/^\d{1,10}$/.test(value)) return undefined
  const bytes = Number(value)
  return bytes <= MAX_DOWNLOAD_BYTES ? bytes : undefined
}

export async function sendDownload(response: ServerResponse, bytes: number, withBody: boolean): Promise<void> {
  response.writeHead(200, {
    'content-type': 'application/octet-stream',
    'content-length': bytes,
    'content-disposition': `attachment; filename="demo-${bytes}.bin"`,
    'cache-control': 'no-store',
  })
  if (!withBody) {
    response.end()
    return
  }
  // pipeline waits for the client whenever it reads more slowly than we write.
  const blocks = Readable.from(downloadBlocks(bytes), { objectMode: true, highWaterMark: 2 })
  await pipeline(blocks, response).catch(() => {}) // the client left: nothing to tell it
}
